//! Conditions between two bounds: `upper` is met by all rows that meet the expression, `lower` only by such rows.

use super::{
    LENGTH_MAX, Translator,
    fragment::Fragment,
    value::{Shape, Value, any_of},
};
use crate::domain::expression::{Expr, Kind};

/// See the module. Neither bound is ever null.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) upper: Fragment,
    /// None: the same, and exact.
    lower: Option<Fragment>,
}

impl Condition {
    pub(super) fn exact(sql: Fragment) -> Self {
        Self {
            upper: sql,
            lower: None,
        }
    }

    pub(super) fn always(met: bool) -> Self {
        Self::exact(Fragment::text(if met { "TRUE" } else { "FALSE" }))
    }

    /// Met at most where `upper` is.
    pub(super) fn at_most(upper: Fragment) -> Self {
        Self {
            upper,
            lower: Some(Fragment::text("FALSE")),
        }
    }

    /// As `sql` says, where none of the doubts is true.
    pub(super) fn unless(sql: Fragment, doubts: impl IntoIterator<Item = Option<Fragment>>) -> Self {
        match any_of(doubts) {
            None => Self::exact(sql),
            Some(doubt) => Self {
                upper: Fragment::fill("CASE WHEN @ THEN TRUE ELSE @ END", &[&doubt, &sql]),
                lower: Some(Fragment::fill("CASE WHEN @ THEN FALSE ELSE @ END", &[&doubt, &sql])),
            },
        }
    }

    pub(super) const fn is_exact(&self) -> bool {
        self.lower.is_none()
    }

    fn lower(&self) -> &Fragment {
        self.lower.as_ref().unwrap_or(&self.upper)
    }

    pub(super) fn not(self) -> Self {
        let not = |sql: &Fragment| Fragment::fill("(NOT @)", &[sql]);
        match &self.lower {
            None => Self::exact(not(&self.upper)),
            Some(lower) => Self {
                upper: not(lower),
                lower: Some(not(&self.upper)),
            },
        }
    }

    /// All are met, or any is.
    pub(super) fn joined(parts: Vec<Self>, between: &str) -> Self {
        let bound = |of: fn(&Self) -> &Fragment| {
            let parts = parts.iter().map(|part| of(part).clone()).collect();
            Fragment::chain(parts, between).unwrap_or_else(|| Fragment::text("FALSE"))
        };
        let exact = parts.iter().all(Self::is_exact);
        Self {
            upper: bound(|part| &part.upper),
            lower: (!exact).then(|| bound(Self::lower)),
        }
    }

    pub(super) fn any(parts: Vec<Self>) -> Self {
        Self::joined(parts, " OR ")
    }

    /// Where the two bounds differ.
    pub(super) fn doubt(&self) -> Option<Fragment> {
        let lower = self.lower.as_ref()?;
        Some(Fragment::fill("(@ AND NOT @)", &[&self.upper, lower]))
    }

    pub(super) fn into_value(self) -> Value {
        let doubt = self.doubt();
        Value::new(Shape::Bool, self.upper).doubted([doubt])
    }

    fn len(&self) -> usize {
        self.upper.len() + self.lower.as_ref().map_or(0, Fragment::len)
    }
}

impl Translator<'_> {
    /// What is not known of any row.
    pub(super) fn unknown(&mut self) -> Condition {
        self.complete = false;
        Condition::at_most(Fragment::text("TRUE"))
    }

    /// Whether the expression is met.
    pub(super) fn condition(&mut self, expr: &Expr) -> Condition {
        let condition = match &expr.kind {
            Kind::Not(inner) => self.condition(inner).not(),
            Kind::And(..) => self.chain(expr, " AND "),
            Kind::Or(..) => self.chain(expr, " OR "),
            Kind::Compare(comparison, one, other) => match (self.value(one), self.value(other)) {
                (Some(one), Some(other)) => self.compared(*comparison, &one, &other),
                _ => self.unknown(),
            },
            Kind::In { value, list } => self.listed(value, list),
            Kind::If(condition, then, otherwise) => {
                let condition = self.condition(condition);
                let (then, otherwise) = (self.condition(then), self.condition(otherwise));
                let met = Condition::joined(vec![condition.clone(), then], " AND ");
                let not_met = Condition::joined(vec![condition.not(), otherwise], " AND ");
                Condition::any(vec![met, not_met])
            }
            _ => match self.value(expr) {
                Some(value) => self.met(&value),
                None => self.unknown(),
            },
        };
        if condition.len() > 2 * LENGTH_MAX {
            return self.unknown();
        }
        condition
    }

    /// Parts with the same word between them, without nesting.
    fn chain(&mut self, expr: &Expr, between: &str) -> Condition {
        let mut parts = Vec::new();
        let mut open = vec![expr];
        while let Some(expr) = open.pop() {
            match (&expr.kind, between) {
                (Kind::And(one, other), " AND ") | (Kind::Or(one, other), " OR ") => {
                    open.extend([&**other, &**one]);
                }
                _ => parts.push(self.condition(expr)),
            }
        }
        Condition::joined(parts, between)
    }

    /// Whether the value is true.
    fn met(&self, value: &Value) -> Condition {
        let sql = match value.shape {
            Shape::Bool => value.sql.clone(),
            Shape::Any => self.dialect.as_shape(&value.sql, Shape::Bool),
            Shape::Null => Fragment::text("FALSE"),
            // Never true, whatever it is.
            _ => return Condition::always(false),
        };
        let sql = Fragment::fill("COALESCE(@, FALSE)", &[&sql]);
        Condition::unless(sql, [value.doubt.clone()])
    }
}
