//! SessionService, and the passwords and links of UserService.

mod entering;
mod guesses;
mod own;
mod resets;
mod start;
mod switch;
mod tokens;
