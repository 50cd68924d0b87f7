//! `$filter` and `$orderby` of OData as a tree: what is not understood is refused with its position; nothing is guessed.

use super::{Comparison, Expr, Function, Kind, Literal, Problem, Reckoning, Span};

mod functions;
mod lex;

use lex::{Lexed, Token};

/// Longest text, bytes.
pub const BYTES_MAX: usize = 4_000;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 40;
/// Most values behind `in`.
pub const LIST_MAX: usize = 200;

/// Something wrong at this byte of the text.
pub(in crate::domain) fn fault(at: usize, message: impl Into<String>) -> Problem {
    Problem::new(Span { start: at, end: at }, message)
}

/// Reads an expression.
///
/// # Errors
/// [`Problem`].
pub fn parse(text: &str) -> Result<Expr, Problem> {
    if text.len() > BYTES_MAX {
        return Err(fault(
            BYTES_MAX,
            format!("the expression is longer than {BYTES_MAX} bytes"),
        ));
    }
    let tokens = lex::tokens(text)?;
    let mut parser = Parser {
        tokens,
        next: 0,
        end: text.len(),
        depth: 0,
    };
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok(expr),
        Some(more) => Err(fault(more.span.start, format!("{} is not expected here", more.token))),
    }
}

struct Parser {
    tokens: Vec<Lexed>,
    next: usize,
    end: usize,
    depth: usize,
}

type Parsed = Result<Expr, Problem>;

impl Parser {
    fn peek(&self) -> Option<&Lexed> {
        self.tokens.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |lexed| lexed.span.start)
    }

    fn take(&mut self) -> Option<Lexed> {
        let lexed = self.tokens.get(self.next).cloned();
        self.next += 1;
        lexed
    }

    fn takes(&mut self, wanted: &Token) -> Option<Span> {
        let found = self.peek().filter(|lexed| lexed.token == *wanted)?.span;
        self.next += 1;
        Some(found)
    }

    fn expect(&mut self, wanted: &Token) -> Result<Span, Problem> {
        let at = self.at();
        self.takes(wanted)
            .ok_or_else(|| fault(at, format!("{wanted} is missing")))
    }

    fn takes_word(&mut self, words: &[&str]) -> Option<usize> {
        let Some(Token::Word(word)) = self.peek().map(|lexed| &lexed.token) else {
            return None;
        };
        let found = words.iter().position(|known| **known == **word)?;
        self.next += 1;
        Some(found)
    }

    /// A level of operators that go from left to right.
    fn level(
        &mut self,
        words: &[&str],
        below: fn(&mut Self) -> Parsed,
        make: fn(usize, Box<Expr>, Box<Expr>) -> Kind,
    ) -> Parsed {
        let mut left = below(self)?;
        while let Some(found) = self.takes_word(words) {
            let right = below(self)?;
            let span = joined(left.span, right.span);
            // A long chain is as deep as it is long.
            let kind = make(found, Box::new(left), Box::new(right));
            left = Expr { kind, span };
        }
        Ok(left)
    }

    fn or(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(fault(
                self.at(),
                format!("the expression is nested deeper than {DEPTH_MAX}"),
            ));
        }
        let parsed = self.level(&["or"], Self::and, |_, left, right| Kind::Or(left, right));
        self.depth -= 1;
        parsed
    }

    fn and(&mut self) -> Parsed {
        self.level(&["and"], Self::equality, |_, left, right| Kind::And(left, right))
    }

    fn equality(&mut self) -> Parsed {
        self.level(&["eq", "ne"], Self::relation, |found, left, right| {
            let comparison = if found == 0 {
                Comparison::Equal
            } else {
                Comparison::NotEqual
            };
            Kind::Compare(comparison, left, right)
        })
    }

    fn relation(&mut self) -> Parsed {
        let value = self.level(&["lt", "le", "gt", "ge"], Self::sum, |found, left, right| {
            let comparison = match found {
                0 => Comparison::Less,
                1 => Comparison::LessOrEqual,
                2 => Comparison::Greater,
                _ => Comparison::GreaterOrEqual,
            };
            Kind::Compare(comparison, left, right)
        })?;
        if self.takes_word(&["in"]).is_none() {
            return Ok(value);
        }
        self.expect(&Token::Open)?;
        let mut list = Vec::new();
        loop {
            if list.len() == LIST_MAX {
                return Err(fault(self.at(), format!("a list has at most {LIST_MAX} values")));
            }
            list.push(self.unary()?);
            if self.takes(&Token::Comma).is_none() {
                break;
            }
        }
        let close = self.expect(&Token::Close)?;
        let span = joined(value.span, close);
        let value = Box::new(value);
        Ok(Expr {
            kind: Kind::In { value, list },
            span,
        })
    }

    fn sum(&mut self) -> Parsed {
        self.level(&["add", "sub"], Self::product, |found, left, right| {
            match (found, seconds_of(&right)) {
                (0, Some(seconds)) => moved(*left, &right, seconds),
                (1, Some(seconds)) => moved(*left, &right, -seconds),
                (0, None) => Kind::Reckon(Reckoning::Add, left, right),
                _ => Kind::Reckon(Reckoning::Subtract, left, right),
            }
        })
    }

    fn product(&mut self) -> Parsed {
        self.level(&["mul", "div", "mod"], Self::unary, |found, left, right| {
            let reckoning = match found {
                0 => Reckoning::Multiply,
                1 => Reckoning::Divide,
                _ => Reckoning::Remainder,
            };
            Kind::Reckon(reckoning, left, right)
        })
    }

    fn unary(&mut self) -> Parsed {
        let start = self.at();
        let is_not = if self.takes(&Token::Minus).is_some() {
            false
        } else if self.takes_word(&["not"]).is_some() {
            true
        } else {
            return self.primary();
        };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(fault(
                start,
                format!("the expression is nested deeper than {DEPTH_MAX}"),
            ));
        }
        let of = self.unary()?;
        self.depth -= 1;
        let span = Span {
            start,
            end: of.span.end,
        };
        let kind = match of.kind {
            Kind::Literal(Literal::Number(number)) if !is_not => Kind::Literal(Literal::Number(-number)),
            _ if is_not => Kind::Not(Box::new(of)),
            _ => Kind::Negate(Box::new(of)),
        };
        Ok(Expr { kind, span })
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let Some(Lexed { token, span }) = self.take() else {
            return Err(fault(at, "the expression ends where a value is expected"));
        };
        match token {
            Token::Literal(literal) => Ok(Expr {
                kind: Kind::Literal(literal),
                span,
            }),
            Token::Duration(seconds) => Ok(Expr {
                kind: Kind::Call(Function::TotalSeconds, vec![number(seconds, span)]),
                span,
            }),
            Token::Open => {
                let mut inner = self.or()?;
                let close = self.expect(&Token::Close)?;
                inner.span = joined(span, close);
                Ok(inner)
            }
            Token::Word(word) => self.word(word, span),
            other => Err(fault(at, format!("{other} is not expected here; a value is"))),
        }
    }

    fn word(&mut self, word: Box<str>, span: Span) -> Parsed {
        if self.takes(&Token::Open).is_some() {
            let (arguments, close) = self.arguments()?;
            let kind = functions::call(&word, span, arguments)?;
            let span = joined(span, close);
            return Ok(Expr { kind, span });
        }
        let mut expr = Expr {
            kind: Kind::Member { of: None, name: word },
            span,
        };
        while self.takes(&Token::Slash).is_some() {
            let at = self.at();
            let Some(Lexed {
                token: Token::Word(name),
                span: of_name,
            }) = self.take()
            else {
                return Err(fault(at, "the name of a property is missing after /"));
            };
            if self.peek().is_some_and(|next| next.token == Token::Open) {
                return Err(fault(at, format!("{name}(…) of a list is not supported")));
            }
            let span = joined(expr.span, of_name);
            let of = Some(Box::new(expr));
            let kind = Kind::Member { of, name };
            expr = Expr { kind, span };
        }
        Ok(expr)
    }

    /// What stands between the parentheses of a function, and the closing one.
    fn arguments(&mut self) -> Result<(Vec<Expr>, Span), Problem> {
        let mut arguments = Vec::new();
        if let Some(close) = self.takes(&Token::Close) {
            return Ok((arguments, close));
        }
        loop {
            arguments.push(self.or()?);
            if self.takes(&Token::Comma).is_none() {
                break;
            }
        }
        Ok((arguments, self.expect(&Token::Close)?))
    }
}

fn joined(first: Span, last: Span) -> Span {
    Span {
        start: first.start,
        end: last.end,
    }
}

fn number(value: f64, span: Span) -> Expr {
    Expr {
        kind: Kind::Literal(Literal::Number(value)),
        span,
    }
}

/// A written duration, which stands as its seconds until it is added to a time.
fn seconds_of(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        Kind::Call(Function::TotalSeconds, arguments) => match arguments.as_slice() {
            [
                Expr {
                    kind: Kind::Literal(Literal::Number(seconds)),
                    ..
                },
            ] => Some(*seconds),
            _ => None,
        },
        _ => None,
    }
}

fn moved(time: Expr, duration: &Expr, seconds: f64) -> Kind {
    Kind::Call(Function::AddSeconds, vec![time, number(seconds, duration.span)])
}

#[cfg(test)]
mod tests;
