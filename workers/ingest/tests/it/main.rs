//! The heart under fire: whatever is batched, killed, frozen or answered ambiguously, what is stored is the same.

mod ambiguity;
mod crash;
mod damage;
mod full;
mod machine;
mod upkeep;
mod world;
