//! The filters of lists: Google's AIP-160, as far as it fits. docs/filters.md is the handbook's page.
//!
//! ```text
//! filter      = factor { [ "AND" ] factor }
//! factor      = term { "OR" term }                    OR binds tighter than AND, as AIP-160 has it
//! term        = [ "NOT" | "-" ] ( "(" filter ")" | restriction )
//! restriction = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" | ":" ) value
//! value       = word | "…" | '…' | *
//! ```
//!
//! What fields there are, and which values each takes, is the list's own: it turns each [`Restriction`] into a condition
//! of its own type.

mod words;

use super::error::{Error, Reason, Refusal, Result};
use words::{Symbol, Word, words};

/// Characters that a filter may have.
const LONGEST: usize = 2000;
/// Restrictions that it may have.
const MOST: usize = 64;
/// How deep its parentheses and negations may go.
const DEEPEST: usize = 16;

/// A filter whose restrictions are conditions of type `C`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter<C> {
    /// All of these.
    And(Vec<Self>),
    /// One of these.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// One condition.
    Is(C),
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:`, has.
    Has,
}

impl Compare {
    /// Whether a value that compares to the wanted one like that is let through.
    pub fn lets(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal | Self::Has => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// One comparison, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The field, such as `labels.region`.
    pub field: String,
    /// How it is compared.
    pub compare: Compare,
    /// With what.
    pub value: String,
    /// Whether the value is a bare `*`: anything.
    pub any: bool,
}

impl Restriction {
    /// The refusal of this restriction, with what is allowed instead.
    pub fn refused(&self, allowed: &str) -> Error {
        invalid(&format!("{} {allowed}", self.field))
    }

    /// Refuses a bare `*`, for a field that has no use for it: taken for a star, it would silently find nothing.
    pub fn without_star(self) -> Result<Self> {
        if self.any {
            return Err(self.refused("takes no bare *; a star is written as \"*\""));
        }
        Ok(self)
    }

    /// The value as a time.
    pub fn time(&self) -> Result<chrono::DateTime<chrono::Utc>> {
        let parsed = chrono::DateTime::parse_from_rfc3339(&self.value);
        parsed.map(|t| t.to_utc()).map_err(|_| self.refused("takes times such as \"2026-11-24T08:00:00Z\""))
    }

    /// The value as one of the given names, in any case.
    pub fn one_of<T: Copy>(&self, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T> {
        let found = all.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(&self.value));
        found.ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
            self.refused(&format!("is one of {}", names.join(", ")))
        })
    }

    /// Whether the comparison is `!=`; refused unless it is that or `=`.
    pub fn negated(&self) -> Result<bool> {
        match self.compare {
            Compare::Equal => Ok(false),
            Compare::NotEqual => Ok(true),
            _ => Err(self.refused("is compared by = or !=")),
        }
    }
}

impl<C> Filter<C> {
    /// The filter that is written as `text`, each restriction turned into a condition; None: empty, so everything.
    pub fn parse(text: &str, condition: impl Fn(Restriction) -> Result<Self>) -> Result<Option<Self>> {
        if text.chars().count() > LONGEST {
            return Err(invalid(&format!("has at most {LONGEST} characters")));
        }
        let words = words(text)?;
        if words.is_empty() {
            return Ok(None);
        }
        let restrictions = words.iter().filter(|(_, word)| matches!(word, Word::Compare(_))).count();
        if restrictions > MOST {
            return Err(invalid(&format!("has at most {MOST} comparisons")));
        }
        let mut parser = Parser { words: &words, next: 0, condition: &condition };
        let filter = parser.filter(0)?;
        match parser.peek() {
            None => Ok(Some(filter)),
            Some(_) => Err(parser.unexpected("AND, OR or the end")),
        }
    }

    /// All its conditions, to be changed.
    pub fn conditions_mut(&mut self) -> Vec<&mut C> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter_mut().flat_map(Self::conditions_mut).collect(),
            Self::Not(inner) => inner.conditions_mut(),
            Self::Is(condition) => vec![condition],
        }
    }

    /// What is not let through, and the other way round.
    #[must_use]
    pub fn negated_if(self, negate: bool) -> Self {
        if negate { Self::Not(Box::new(self)) } else { self }
    }
}

struct Parser<'a, F> {
    words: &'a [(usize, Word)],
    next: usize,
    condition: &'a F,
}

impl<C, F: Fn(Restriction) -> Result<Filter<C>>> Parser<'_, F>
where
    Filter<C>: Sized,
{
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next).map(|(_, word)| word)
    }

    fn takes(&mut self, symbol: Symbol) -> bool {
        let there = self.peek() == Some(&Word::Symbol(symbol));
        self.next += usize::from(there);
        there
    }

    fn filter(&mut self, depth: usize) -> Result<Filter<C>> {
        let mut all = vec![self.factor(depth)?];
        while self.takes(Symbol::And) || !matches!(self.peek(), None | Some(Word::Symbol(Symbol::Close | Symbol::Or))) {
            all.push(self.factor(depth)?);
        }
        Ok(single_or(all, Filter::And))
    }

    fn factor(&mut self, depth: usize) -> Result<Filter<C>> {
        let mut any = vec![self.term(depth)?];
        while self.takes(Symbol::Or) {
            any.push(self.term(depth)?);
        }
        Ok(single_or(any, Filter::Or))
    }

    fn term(&mut self, depth: usize) -> Result<Filter<C>> {
        if depth > DEEPEST {
            return Err(invalid(&format!("nests at most {DEEPEST} deep")));
        }
        if self.takes(Symbol::Not) {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.takes(Symbol::Open) {
            let inner = self.filter(depth + 1)?;
            return if self.takes(Symbol::Close) { Ok(inner) } else { Err(self.unexpected("a closing parenthesis")) };
        }
        let restriction = self.restriction()?;
        (self.condition)(restriction)
    }

    fn restriction(&mut self) -> Result<Restriction> {
        let Some(Word::Text { text, quoted: false }) = self.peek() else {
            return Err(self.unexpected("a field, such as state"));
        };
        let field = text.clone();
        self.next += 1;
        let Some(Word::Compare(compare)) = self.peek() else {
            return Err(self.unexpected(&format!("a comparison of {field}, such as {field} = \"…\"")));
        };
        let compare = *compare;
        self.next += 1;
        let Some(Word::Text { text, quoted }) = self.peek() else { return Err(self.unexpected("a value")) };
        let restriction = Restriction { field, compare, value: text.clone(), any: text == "*" && !quoted };
        self.next += 1;
        Ok(restriction)
    }

    fn unexpected(&self, wanted: &str) -> Error {
        match self.words.get(self.next) {
            Some((at, _)) => invalid(&format!("at character {}: expected {wanted}", at + 1)),
            None => invalid(&format!("ends too early: expected {wanted}")),
        }
    }
}

fn single_or<C>(mut filters: Vec<Filter<C>>, many: fn(Vec<Filter<C>>) -> Filter<C>) -> Filter<C> {
    match (filters.len(), filters.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            filters.push(last);
            many(filters)
        }
        (_, None) => many(filters),
    }
}

/// The refusal of a filter.
pub fn invalid(why: &str) -> Error {
    Refusal::new(Reason::FilterInvalid, format!("filter: {why}")).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Option<Filter<Restriction>>> {
        Filter::parse(text, |restriction| Ok(Filter::Is(restriction)))
    }

    /// With all parentheses.
    fn shown(filter: &Filter<Restriction>) -> String {
        let joined = |filters: &[Filter<Restriction>], word: &str| {
            format!("({})", filters.iter().map(shown).collect::<Vec<_>>().join(word))
        };
        match filter {
            Filter::And(all) => joined(all, " & "),
            Filter::Or(any) => joined(any, " | "),
            Filter::Not(inner) => format!("!{}", shown(inner)),
            Filter::Is(r) => format!("{} {:?} {}", r.field, r.compare, r.value),
        }
    }

    fn read(text: &str) -> String {
        shown(&parse(text).unwrap().unwrap())
    }

    fn refusal(text: &str) -> String {
        let error = parse(text).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::FilterInvalid));
        error.to_string()
    }

    #[test]
    fn or_binds_tighter_than_and_which_may_be_left_out() {
        assert_eq!(read("a=1 AND b=2 OR c=3"), "(a Equal 1 & (b Equal 2 | c Equal 3))");
        assert_eq!(read("a=1 b=2 OR c=3"), read("a=1 AND b=2 OR c=3"));
        assert_eq!(read("(a=1 AND b=2) OR c=3"), "((a Equal 1 & b Equal 2) | c Equal 3)");
        assert_eq!(read("NOT a=1 AND -b:2"), "(!a Equal 1 & !b Has 2)");
        assert_eq!(read("((a=1))"), "a Equal 1");
        assert!(parse(" \t").unwrap().is_none(), "nothing is everything");
    }

    #[test]
    fn values_are_words_quoted_texts_or_anything() {
        assert_eq!(read("labels.region = \"north east\""), "labels.region Equal north east");
        assert_eq!(read("name='it\\'s'"), "name Equal it's");
        assert_eq!(
            read("create_time>=2026-11-24T08:00:00+01:00"),
            "create_time GreaterOrEqual 2026-11-24T08:00:00+01:00"
        );
        let Filter::Is(any) = parse("labels.region:*").unwrap().unwrap() else { panic!("one restriction") };
        assert!(any.any);
        let Filter::Is(star) = parse("labels.region:\"*\"").unwrap().unwrap() else { panic!("one restriction") };
        assert!(!star.any, "a star in quotes is a star");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert!(refusal("state =").contains("ends too early: expected a value"));
        assert!(refusal("state").contains("a comparison of state"));
        assert!(refusal("(state = A").contains("a closing parenthesis"));
        assert!(refusal("state = A)").contains("at character 10"));
        assert!(refusal("= A").contains("at character 1: expected a field"));
        assert!(refusal("state = \"A").contains("closing quote"));
        assert!(refusal("a=1 OR").contains("ends too early"));
        assert!(refusal(&"(".repeat(100)).contains("deep"));
        assert!(refusal(&"NOT ".repeat(100)).contains("deep"));
        assert!(refusal(&"a=1 ".repeat(65)).contains("comparisons"));
        assert!(refusal(&format!("a={}", "x".repeat(3000))).contains("characters"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_pile_of_pieces_is_read_or_refused(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["a", "=", ":", "!=", "(", ")", "AND ", "OR ", "NOT ", "-", "\"", "'", "\\", " ", "*", "<"]),
                0..40,
            ),
        ) {
            let _ = parse(&pieces.concat());
        }

        #[test]
        fn a_value_in_quotes_comes_through_as_it_is(value in "\\PC{0,30}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let Some(Filter::Is(read)) = parse(&format!("field = \"{quoted}\"")).unwrap() else { panic!("one restriction") };
            prop_assert_eq!(read.value, value);
        }
    }
}
