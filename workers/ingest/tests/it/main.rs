//! The heart under fire: whatever is batched, killed, frozen or answered ambiguously, what is stored is the same.

mod accept;
mod ambiguity;
mod bounded;
mod conditions;
mod crash;
mod damage;
mod exhaustive;
mod full;
mod idle;
mod machine;
mod ownership;
mod skip;
mod sweeping;
mod told;
mod upkeep;
mod world;
