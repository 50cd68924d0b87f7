//! What is known of the members of rows before any is seen.

/// The kind that a value is known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Type {
    Null,
    Bool,
    Number,
    Text,
    Time,
    Span,
    List,
    Object,
    /// Known when a row is seen.
    Dynamic,
}

impl Type {
    /// In words, with its article.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Span => "a span of time",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Dynamic => "a value",
        }
    }
}

/// The members of the rows that an expression is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    fixed: Vec<(&'static str, Type)>,
    has_data: bool,
}

/// Members of a transaction besides those of its data.
const TRANSACTION: [(&str, Type); 7] = [
    ("Id", Type::Text),
    ("Identifier", Type::Text),
    ("Status", Type::Text),
    ("CreatedAt", Type::Time),
    ("CommittedAt", Type::Time),
    ("CallApiId", Type::Text),
    ("CreatedBy", Type::Text),
];

/// Members of a record besides those of its data.
const RECORD: [(&str, Type); 5] = [
    ("Key", Type::Text),
    ("Version", Type::Number),
    ("CreatedAt", Type::Time),
    ("UpdatedAt", Type::Time),
    ("ChangedAt", Type::Time),
];

impl Schema {
    /// Transactions.
    #[must_use]
    pub fn transactions() -> Self {
        Self::with_data(TRANSACTION.to_vec())
    }

    /// Records of any entity.
    #[must_use]
    pub fn records() -> Self {
        Self::with_data(RECORD.to_vec())
    }

    /// Rows with these members, and data of any form.
    #[must_use]
    pub const fn with_data(fixed: Vec<(&'static str, Type)>) -> Self {
        Self { fixed, has_data: true }
    }

    /// Rows with these members only.
    #[must_use]
    pub const fn without_data(fixed: Vec<(&'static str, Type)>) -> Self {
        Self { fixed, has_data: false }
    }

    /// Whether rows have data, of which nothing is known.
    #[must_use]
    pub const fn has_data(&self) -> bool {
        self.has_data
    }

    /// The fixed members: their names as they are written, and their kinds.
    #[must_use]
    pub fn fixed(&self) -> &[(&'static str, Type)] {
        &self.fixed
    }

    /// The fixed member with a name, in any case.
    #[must_use]
    pub fn fixed_member(&self, name: &str) -> Option<(&'static str, Type)> {
        let mut fixed = self.fixed.iter();
        fixed.find(|(known, _)| known.eq_ignore_ascii_case(name)).copied()
    }

    /// The kind of a member of the row; none where there cannot be one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Type> {
        match self.fixed_member(name) {
            Some((_, kind)) => Some(kind),
            None if self.has_data && name.eq_ignore_ascii_case("Data") => Some(Type::Object),
            None => self.has_data.then_some(Type::Dynamic),
        }
    }
}
