//! Object stores that fail, lie, fill up and rot, and what the calls that need them do then.

mod damage;
mod failing;
mod full;
mod lying;
mod real;
mod stage;
