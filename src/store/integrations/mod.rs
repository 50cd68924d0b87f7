//! Owns the tables of integrations.

mod numbers;
