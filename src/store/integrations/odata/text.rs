//! The text of a statement and the values that go with it.

use sea_orm::{DbBackend, Statement, Value};

/// A statement that is being written.
pub(super) struct Sql {
    pub(super) text: String,
    values: Vec<Value>,
    pub(super) backend: DbBackend,
}

impl Sql {
    /// Empty; `$1` is the tenant.
    pub(super) fn new(backend: DbBackend, tenant_id: uuid::Uuid) -> Self {
        Self {
            text: String::new(),
            values: vec![tenant_id.into()],
            backend,
        }
    }

    /// Adds a value; what stands for it in the text.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.backend == DbBackend::Sqlite
    }

    pub(super) fn statement(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }
}
