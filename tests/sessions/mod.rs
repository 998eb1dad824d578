//! SessionService, and the passwords and links of UserService.

mod own;
mod start;
mod switch;
mod tokens;
