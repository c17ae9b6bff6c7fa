//! What an operator of a pipeline does with its lake and feature store: check, repair, replay, back up, restore.
