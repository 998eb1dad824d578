//! The words of a filter, each with the character that it begins at.

use super::{Compare, invalid};
use crate::domain::error::Result;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A field or a value.
    Text {
        /// Without its quotes.
        text: String,
        /// Whether it had some.
        quoted: bool,
    },
    /// A comparison.
    Compare(Compare),
    /// What joins them.
    Symbol(Symbol),
}

/// What joins comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    And,
    Or,
    Not,
    Open,
    Close,
}

/// The words of `text`.
pub(super) fn words(text: &str) -> Result<Vec<(usize, Word)>> {
    let characters: Vec<char> = text.chars().collect();
    let mut found: Vec<(usize, Word)> = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        if first.is_whitespace() {
            at += 1;
            continue;
        }
        // Behind a comparison stands its value, in which a colon, a plus or a hyphen is nothing special.
        let value = matches!(found.last(), Some((_, Word::Compare(_))));
        let (word, length) = match first {
            '(' => (Word::Symbol(Symbol::Open), 1),
            ')' => (Word::Symbol(Symbol::Close), 1),
            '"' | '\'' => quoted(&characters[at..], first)?,
            '-' if !value => (Word::Symbol(Symbol::Not), 1),
            _ => match comparison(&characters[at..]).filter(|_| !value) {
                Some(comparison) => comparison,
                None => bare(&characters[at..], value)?,
            },
        };
        found.push((at, word));
        at += length;
    }
    Ok(found)
}

fn quoted(characters: &[char], quote: char) -> Result<(Word, usize)> {
    let mut text = String::new();
    let mut at = 1;
    while let Some(&c) = characters.get(at) {
        match c {
            '\\' => match characters.get(at + 1) {
                Some(escaped) if !escaped.is_control() => {
                    text.push(*escaped);
                    at += 1;
                }
                _ => break,
            },
            c if c == quote => return Ok((Word::Text { text, quoted: true }, at + 1)),
            c if c.is_control() => break,
            c => text.push(c),
        }
        at += 1;
    }
    Err(invalid("lacks a closing quote, or has a control character"))
}

fn comparison(characters: &[char]) -> Option<(Word, usize)> {
    let second = characters.get(1) == Some(&'=');
    let (compare, length) = match characters.first()? {
        '=' => (Compare::Equal, 1),
        ':' => (Compare::Has, 1),
        '!' if second => (Compare::NotEqual, 2),
        '<' if second => (Compare::LessOrEqual, 2),
        '>' if second => (Compare::GreaterOrEqual, 2),
        '<' => (Compare::Less, 1),
        '>' => (Compare::Greater, 1),
        _ => return None,
    };
    Some((Word::Compare(compare), length))
}

fn bare(characters: &[char], value: bool) -> Result<(Word, usize)> {
    let ends = |c: &char| {
        c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\'') || !value && matches!(c, '=' | ':' | '!' | '<' | '>')
    };
    let text: String = characters.iter().take_while(|c| !ends(c)).collect();
    let length = text.chars().count();
    if length == 0 || text.chars().any(char::is_control) {
        return Err(invalid("is made of comparisons such as state = ACTIVE, joined by AND and OR"));
    }
    let word = match text.as_str() {
        "AND" if !value => Word::Symbol(Symbol::And),
        "OR" if !value => Word::Symbol(Symbol::Or),
        "NOT" if !value => Word::Symbol(Symbol::Not),
        _ => Word::Text { text, quoted: false },
    };
    Ok((word, length))
}
