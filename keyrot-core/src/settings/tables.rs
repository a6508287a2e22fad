//! Tables with several keys: TOML's `[[name]]`, or a JSON array of objects in the environment.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use toml::de::DeValue;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) fields: Map<String, Value>,
    /// The line where it begins; `None` in the environment.
    pub(super) line: Option<usize>,
    /// The line of each of its keys.
    pub(super) lines: BTreeMap<String, usize>,
}

impl Table {
    /// Returns the line of a key, or of the table if the key is not in it.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        self.lines.get(key).copied().or(self.line)
    }
}

/// Returns the tables of a settings file; `None` if the value is something else. `line` returns the
/// line number of a byte offset.
pub(super) fn of_toml(value: &DeValue<'_>, line: &dyn Fn(usize) -> usize) -> Option<Vec<Table>> {
    let DeValue::Array(items) = value else { return None };
    let table = |item: &toml::Spanned<DeValue<'_>>| {
        let DeValue::Table(entries) = item.get_ref() else { return None };
        let mut table = Table {
            fields: Map::new(),
            line: Some(line(item.span().start)),
            lines: BTreeMap::new(),
        };
        for (key, value) in entries {
            let name = key.get_ref().to_string();
            table.lines.insert(name.clone(), line(key.span().start));
            table.fields.insert(name, json(value.get_ref()));
        }
        Some(table)
    };
    items.iter().map(table).collect()
}

/// Returns the tables in a variable, or what is wrong, without quoting the variable.
pub(super) fn of_json(text: &str) -> Result<Vec<Table>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        format!("it is not JSON (line {} column {})", error.line(), error.column())
    })?;
    let Value::Array(items) = value else { return Err("it is JSON, and no array".to_owned()) };
    let table = |item| match item {
        Value::Object(fields) => Ok(Table { fields, line: None, lines: BTreeMap::new() }),
        _ => Err("an element of the array is no object".to_owned()),
    };
    items.into_iter().map(table).collect()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::from(number.as_str()), Value::from),
        DeValue::Float(number) => Value::from(number.as_str()),
        DeValue::Boolean(on) => Value::from(*on),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(entries) => {
            let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
                (key.get_ref().to_string(), json(value.get_ref()))
            };
            Value::Object(entries.iter().map(entry).collect())
        }
    }
}
