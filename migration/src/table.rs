//! A short way to write a table down that SQLite and PostgreSQL both take.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

/// What a column holds.
#[derive(Clone, Copy)]
pub enum Kind {
    /// 16 bytes in SQLite, `uuid` in PostgreSQL.
    Uuid,
    /// Text without a limit; limits are checked where the text comes in.
    Text,
    /// 64 bits: counters, and times in microseconds since 1970 UTC.
    BigInt,
    /// 32 bits.
    Int,
    /// 16 bits.
    SmallInt,
    /// True or false.
    Bool,
    /// Bytes.
    Blob,
}

/// A table with its keys and indexes.
pub struct Create {
    name: &'static str,
    table: TableCreateStatement,
    primary: Vec<&'static str>,
    indexes: Vec<(Vec<&'static str>, bool)>,
    partial: Vec<String>,
    clustered: bool,
}

impl Create {
    /// An empty table.
    pub fn new(name: &'static str) -> Self {
        let table = Table::create().table(Alias::new(name)).to_owned();
        Self {
            name,
            table,
            primary: Vec::new(),
            indexes: Vec::new(),
            partial: Vec::new(),
            clustered: false,
        }
    }

    /// A column of the primary key.
    pub fn key(mut self, name: &'static str, kind: Kind) -> Self {
        self.primary.push(name);
        self.required(name, kind)
    }

    /// A column that must have a value.
    pub fn required(mut self, name: &'static str, kind: Kind) -> Self {
        self.table.col(column(name, kind).not_null());
        self
    }

    /// A column that may be null.
    pub fn optional(mut self, name: &'static str, kind: Kind) -> Self {
        self.table.col(column(name, kind).null());
        self
    }

    /// A column whose value no other row has.
    pub fn unique(mut self, name: &'static str, kind: Kind) -> Self {
        self.indexes.push((vec![name], true));
        self.required(name, kind)
    }

    /// Columns that together are unique.
    pub fn unique_index(mut self, columns: &[&'static str]) -> Self {
        self.indexes.push((columns.to_vec(), true));
        self
    }

    /// Columns to look rows up by.
    pub fn index(mut self, columns: &[&'static str]) -> Self {
        self.indexes.push((columns.to_vec(), false));
        self
    }

    /// An index of those rows only for which `condition` holds; a query has to say the same words to use it.
    pub fn partial_index(mut self, name: &str, columns: &[&'static str], condition: &str) -> Self {
        let columns = columns.join(", ");
        let table = self.name;
        self.partial.push(format!(
            "CREATE INDEX {table}_{name} ON {table} ({columns}) WHERE {condition}"
        ));
        self
    }

    /// Keeps the rows in the primary key itself, where the database can (SQLite): one tree less to write, good for rows
    /// that are small and found by their key.
    pub fn clustered(mut self) -> Self {
        self.clustered = true;
        self
    }

    /// Creates the table, then its indexes.
    pub async fn run(mut self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let mut primary = Index::create();
        for name in &self.primary {
            primary.col(Alias::new(*name));
        }
        self.table.primary_key(&mut primary);
        if self.clustered && manager.get_database_backend() == DbBackend::Sqlite {
            self.table.extra("WITHOUT ROWID");
        }
        manager.create_table(self.table).await?;
        for (columns, unique) in self.indexes {
            let mut index = Index::create();
            index
                .name(format!("{}_by_{}", self.name, columns.join("_")))
                .table(Alias::new(self.name));
            for name in columns {
                index.col(Alias::new(name));
            }
            if unique {
                index.unique();
            }
            manager.create_index(index.to_owned()).await?;
        }
        for statement in self.partial {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}

/// Drops a table.
pub async fn drop(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    manager
        .drop_table(Table::drop().table(Alias::new(name)).to_owned())
        .await
}

fn column(name: &'static str, kind: Kind) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    match kind {
        Kind::Uuid => column.uuid(),
        Kind::Text => column.text(),
        Kind::BigInt => column.big_integer(),
        Kind::Int => column.integer(),
        Kind::SmallInt => column.small_integer(),
        Kind::Bool => column.boolean(),
        Kind::Blob => column.blob(),
    };
    column
}
