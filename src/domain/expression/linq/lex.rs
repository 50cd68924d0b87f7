//! Cuts the text of a filter into tokens.

use winnow::{
    LocatingSlice, Parser, Result,
    ascii::digit1,
    combinator::{alt, delimited, dispatch, empty, eof, fail, opt, peek, preceded, repeat},
    error::ParserError,
    stream::{Location, Stream},
    token::{any, one_of, take_while},
};

use super::super::{Problem, Span};

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub what: What,
    pub span: Span,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A name or a word of the language.
    Word(Box<str>),
    /// `@name`: a name, whatever word it is.
    Name(Box<str>),
    Text(Box<str>),
    Number(f64),
    Sign(Sign),
    /// The end of the text.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    And,
    Or,
    Not,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
    Open,
    Close,
    Comma,
    Dot,
    Question,
    Questions,
    Colon,
}

/// Longer ones before their beginnings.
const SIGNS: [(&str, Sign); 24] = [
    ("&&", Sign::And),
    ("||", Sign::Or),
    ("!=", Sign::NotEqual),
    ("<>", Sign::NotEqual),
    ("==", Sign::Equal),
    ("<=", Sign::LessOrEqual),
    (">=", Sign::GreaterOrEqual),
    ("??", Sign::Questions),
    ("=", Sign::Equal),
    ("!", Sign::Not),
    ("<", Sign::Less),
    (">", Sign::Greater),
    ("+", Sign::Plus),
    ("-", Sign::Minus),
    ("\u{2212}", Sign::Minus),
    ("*", Sign::Times),
    ("/", Sign::Divide),
    ("%", Sign::Remainder),
    ("(", Sign::Open),
    (")", Sign::Close),
    (",", Sign::Comma),
    (".", Sign::Dot),
    ("?", Sign::Question),
    (":", Sign::Colon),
];

impl Sign {
    /// As it is written.
    pub(super) fn text(self) -> &'static str {
        SIGNS
            .iter()
            .find(|(_, sign)| *sign == self)
            .map_or("", |(text, _)| text)
    }
}

/// What other languages have, and what to write instead; longer ones before their beginnings and before [`SIGNS`].
const NOT_HERE: [(&str, &str); 17] = [
    ("===", "write =="),
    ("!==", "write !="),
    ("=>", "write the condition alone: Lines.Any(Amount > 0), without `x =>`"),
    ("=<", "write <="),
    (
        "?.",
        "a member of null is null here: write . alone, or np(path, default)",
    ),
    (
        "?[",
        "single items of a list cannot be reached: ask with Any(…), All(…), Count(…) or Sum(…)",
    ),
    (
        "[",
        "single items of a list cannot be reached: ask with Any(…), All(…), Count(…) or Sum(…)",
    ),
    ("{", "objects cannot be made in a filter: compare single members"),
    ("<<", "shifts are not possible in a filter: write * and /"),
    (">>", "shifts are not possible in a filter: write * and /"),
    (
        "^",
        "neither bits nor outer rows can be reached in a filter: name the member",
    ),
    (
        "~",
        "neither bits nor outer rows can be reached in a filter: name the member",
    ),
    (";", "a filter is one condition: write `and` between its parts"),
    ("\u{201c}", "write straight quotes: \"text\""),
    ("\u{201d}", "write straight quotes: \"text\""),
    ("\u{2018}", "write straight quotes: \"text\""),
    ("\u{2019}", "write straight quotes: \"text\""),
];

/// Why the text cannot be read; without a problem where another rule may fit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure(pub Option<Box<Problem>>);

impl Failure {
    pub(super) fn at(span: Span, message: impl Into<String>) -> Self {
        Self(Some(Box::new(Problem::new(span, message))))
    }
}

impl<I: Stream> ParserError<I> for Failure {
    type Inner = Self;

    fn from_input(_input: &I) -> Self {
        Self(None)
    }

    fn is_backtrack(&self) -> bool {
        self.0.is_none()
    }

    fn into_inner(self) -> std::result::Result<Self::Inner, Self> {
        Ok(self)
    }
}

pub(super) type Input<'s> = LocatingSlice<&'s str>;
type Lexed<T> = Result<T, Failure>;

/// All tokens of the text, with one at its end.
pub(super) fn tokens(text: &str) -> std::result::Result<Vec<Token>, Problem> {
    let mut input = Input::new(text);
    let all = delimited(blanks, repeat(0.., token), end);
    match all.map(|tokens: Vec<Token>| tokens).parse_next(&mut input) {
        Ok(mut tokens) => {
            let span = Span {
                start: text.len(),
                end: text.len(),
            };
            tokens.push(Token { what: What::End, span });
            Ok(tokens)
        }
        Err(Failure(Some(problem))) => Err(*problem),
        // No rule leaves without a problem; said all the same.
        Err(Failure(None)) => Err(Problem::new(Span::default(), "this cannot be read")),
    }
}

fn blanks(input: &mut Input<'_>) -> Lexed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn end(input: &mut Input<'_>) -> Lexed<()> {
    eof.void().parse_next(input)
}

fn token(input: &mut Input<'_>) -> Lexed<Token> {
    let token = dispatch! {peek(any);
        '"' | '\'' => quoted.map(What::Text),
        '0'..='9' => number.map(What::Number),
        '@' => verbatim.map(What::Name),
        '$' => '$'.map(|_| What::Word("it".into())),
        first if is_word(first) => word.map(What::Word),
        _ => alt((not_here, sign.map(What::Sign), unknown)),
    };
    let (what, span) = token.with_span().parse_next(input)?;
    blanks(input)?;
    Ok(Token {
        what,
        span: span.into(),
    })
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn word(input: &mut Input<'_>) -> Lexed<Box<str>> {
    take_while(1.., is_word).map(Box::from).parse_next(input)
}

fn verbatim(input: &mut Input<'_>) -> Lexed<Box<str>> {
    let start = input.current_token_start();
    let name = preceded('@', take_while(0.., is_word)).parse_next(input)?;
    if name.starts_with(|first: char| first.is_alphabetic() || first == '_') {
        return Ok(name.into());
    }
    Err(Failure::at(
        Span {
            start,
            end: input.current_token_start(),
        },
        "a stored filter has no parameters such as @0: write the value itself, as \"text\", 12.5 or true",
    ))
}

fn sign(input: &mut Input<'_>) -> Lexed<Sign> {
    for (text, sign) in SIGNS {
        if opt(text).parse_next(input)?.is_some() {
            return Ok(sign);
        }
    }
    fail.parse_next(input)
}

fn not_here(input: &mut Input<'_>) -> Lexed<What> {
    for (text, instead) in NOT_HERE {
        if let Some(span) = opt(text.span()).parse_next(input)? {
            return Err(Failure::at(
                span.into(),
                format!("{text} cannot be used here: {instead}"),
            ));
        }
    }
    fail.parse_next(input)
}

/// `&` and `|` alone, and everything else.
fn unknown(input: &mut Input<'_>) -> Lexed<What> {
    let (character, span) = any.with_span().parse_next(input)?;
    let instead = match character {
        '&' => "& cannot be used here: write && or `and`; to join texts write +".to_owned(),
        '|' => "| cannot be used here: write || or `or`".to_owned(),
        other => format!("{other:?} has no meaning here"),
    };
    Err(Failure::at(span.into(), instead))
}

/// A number: `12`, `1.5e3`, `0xFF`, `0b101`, perhaps with a suffix of C#.
fn number(input: &mut Input<'_>) -> Lexed<f64> {
    let start = input.current_token_start();
    let value = alt((
        preceded(alt(("0x", "0X")), take_while(1.., char::is_alphanumeric)).map(|digits| radix(digits, 16)),
        preceded(alt(("0b", "0B")), take_while(1.., char::is_alphanumeric)).map(|digits| radix(digits, 2)),
        decimal,
    ))
    .parse_next(input)?;
    let span = Span {
        start,
        end: input.current_token_start(),
    };
    match value {
        Some(number) if number.is_finite() => Ok(number),
        Some(_) => Err(Failure::at(span, "this number is too large")),
        None => Err(Failure::at(
            span,
            "this is no number: write 12, 12.5 or 1.5e3; a name begins with a letter",
        )),
    }
}

fn decimal(input: &mut Input<'_>) -> Lexed<Option<f64>> {
    let fraction = ('.', digit1).void();
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1).void();
    let digits = (digit1, opt(fraction), opt(exponent)).take().parse_next(input)?;
    let suffix = take_while(0.., is_word).parse_next(input)?;
    Ok(is_suffix(suffix).then(|| digits.parse().ok()).flatten())
}

fn is_suffix(suffix: &str) -> bool {
    let known = ["", "u", "l", "ul", "lu", "f", "d", "m"];
    known.iter().any(|known| known.eq_ignore_ascii_case(suffix))
}

fn radix(digits: &str, radix: u32) -> Option<f64> {
    let digits = digits.trim_end_matches(['u', 'U', 'l', 'L']);
    // As all numbers here: to the nearest double.
    #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
    u64::from_str_radix(digits, radix).ok().map(|number| number as f64)
}

/// A text in quotes, with `\` before what means something else, and a quote twice for one.
fn quoted(input: &mut Input<'_>) -> Lexed<Box<str>> {
    let start = input.current_token_start();
    let quote = any.parse_next(input)?;
    let mut text = String::new();
    loop {
        text.push_str(take_while(0.., |character| character != quote && character != '\\').parse_next(input)?);
        match opt(any).parse_next(input)? {
            Some('\\') => text.push(escaped(input)?),
            Some(_) if opt(quote).parse_next(input)?.is_some() => text.push(quote),
            Some(_) => break,
            None => {
                let span = Span {
                    start,
                    end: input.current_token_start(),
                };
                return Err(Failure::at(span, format!("this text has no end: {quote} is missing")));
            }
        }
    }
    if text.contains('\0') {
        let span = Span {
            start,
            end: input.current_token_start(),
        };
        return Err(Failure::at(span, "a text cannot hold the character 0"));
    }
    Ok(text.into())
}

fn escaped(input: &mut Input<'_>) -> Lexed<char> {
    let start = input.current_token_start().saturating_sub(1);
    let character = dispatch! {any;
        'n' => empty.value('\n'),
        'r' => empty.value('\r'),
        't' => empty.value('\t'),
        '0' => empty.value('\0'),
        'a' => empty.value('\u{7}'),
        'b' => empty.value('\u{8}'),
        'f' => empty.value('\u{c}'),
        'v' => empty.value('\u{b}'),
        'e' => empty.value('\u{1b}'),
        'x' => hex(2).verify_map(char::from_u32),
        'u' => unicode,
        other if !other.is_alphanumeric() => empty.value(other),
        _ => fail,
    };
    match opt(character).parse_next(input)? {
        Some(character) => Ok(character),
        None => Err(Failure::at(
            Span {
                start,
                end: input.current_token_start(),
            },
            "\\ is followed by one of \\ \" ' n r t xHH uHHHH; for \\ itself write \\\\",
        )),
    }
}

fn hex<'s>(digits: usize) -> impl Parser<Input<'s>, u32, Failure> {
    take_while(digits..=digits, |digit: char| digit.is_ascii_hexdigit())
        .verify_map(|digits| u32::from_str_radix(digits, 16).ok())
}

/// `uHHHH`, also two of them for one character.
fn unicode(input: &mut Input<'_>) -> Lexed<char> {
    let first = hex(4).parse_next(input)?;
    if let Some(character) = char::from_u32(first) {
        return Ok(character);
    }
    let second = preceded("\\u", hex(4)).parse_next(input)?;
    let pair = char::decode_utf16([first, second].into_iter().filter_map(|unit| u16::try_from(unit).ok()));
    match pair.collect::<std::result::Result<Vec<_>, _>>().as_deref() {
        Ok([character]) => Ok(*character),
        _ => fail.parse_next(input),
    }
}
