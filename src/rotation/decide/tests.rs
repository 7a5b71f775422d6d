//! The policy as a table, a sentence per row; and laws that hold in every small world.

mod laws;
mod mirrors;
mod observed;
mod paused;
mod places;
mod road;
mod table;
mod whose;
