//! The functions of templates, and how Go prints values.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::TemplateError;
use crate::output::format::LABEL_MAP;

/// Whether there is such a function.
pub(super) fn is_known(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "json", "join", "split", "lower", "upper", "title", "pad", "truncate", "print", "println", "printf", "len",
        "index", "slice", "not", "and", "or", "eq", "ne", "lt", "le", "gt", "ge", "table",
    ];
    NAMES.contains(&name)
}

pub(super) fn call(name: &str, args: Vec<Value>) -> Result<Value, TemplateError> {
    match (name, args.as_slice()) {
        ("json", [value]) => Ok(Value::String(compact(value))),
        ("join", [list, separator]) => {
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            Ok(list.iter().map(print).collect::<Vec<_>>().join(&print(separator)).into())
        }
        ("split", [text, separator]) => {
            let (text, separator) = (print(text), print(separator));
            Ok(text.split(&separator).map(Value::from).collect::<Vec<_>>().into())
        }
        ("lower", [text]) => Ok(print(text).to_lowercase().into()),
        ("upper", [text]) => Ok(print(text).to_uppercase().into()),
        ("title", [text]) => Ok(title(&print(text)).into()),
        ("pad", [text, before, after]) => {
            let text = print(text);
            if text.is_empty() {
                return Ok(text.into());
            }
            Ok(format!("{}{text}{}", " ".repeat(size(before)), " ".repeat(size(after))).into())
        }
        ("truncate", [text, len]) => Ok(print(text).chars().take(size(len)).collect::<String>().into()),
        ("print", args) => Ok(args.iter().map(print).collect::<String>().into()),
        ("println", args) => Ok((args.iter().map(print).collect::<Vec<_>>().join(" ") + "\n").into()),
        ("printf", [format, rest @ ..]) => Ok(printf(&print(format), rest).into()),
        ("len", [value]) => match value {
            Value::String(text) => Ok(text.len().into()),
            Value::Array(list) => Ok(list.len().into()),
            Value::Object(map) => Ok(map.len().into()),
            Value::Null => Ok(0.into()),
            _ => Err(TemplateError::new(format!("len of type {}", print(value)))),
        },
        ("index", [value, keys @ ..]) => index(value, keys),
        ("slice", [Value::String(text), bounds @ ..]) => {
            let from = bounds.first().map_or(0, size);
            let to = bounds.get(1).map_or(text.len(), size);
            Ok(text.get(from..to).ok_or_else(|| TemplateError::new("slice: index out of range"))?.into())
        }
        ("not", [value]) => Ok((!truthy(value)).into()),
        // Evaluation has already stopped at the operand that decides, so the last one is the result.
        ("and" | "or", [.., last]) => Ok(last.clone()),
        ("eq", [first, others @ ..]) if !others.is_empty() => Ok(others.iter().any(|o| equal(first, o)).into()),
        ("ne", [a, b]) => Ok((!equal(a, b)).into()),
        ("lt", [a, b]) => Ok((order(a, b)? == Ordering::Less).into()),
        ("le", [a, b]) => Ok((order(a, b)? != Ordering::Greater).into()),
        ("gt", [a, b]) => Ok((order(a, b)? == Ordering::Greater).into()),
        ("ge", [a, b]) => Ok((order(a, b)? != Ordering::Less).into()),
        (
            "json" | "join" | "split" | "lower" | "upper" | "title" | "pad" | "truncate" | "printf" | "len" | "index"
            | "slice" | "not" | "and" | "or" | "eq" | "ne" | "lt" | "le" | "gt" | "ge",
            _,
        ) => Err(TemplateError::new(format!("wrong number of args for {name}: got {}", args.len()))),
        _ => Err(TemplateError::new(format!("function \"{name}\" not defined"))),
    }
}

/// JSON as Go writes it: the keys in the order in which they came. Docker's client makes rows itself: their keys are
/// sorted, and Go writes what HTML would take for its own with numbers.
fn compact(value: &Value) -> String {
    let mut rows = false;
    let sorted = sort_rows(value, &mut rows);
    let text = sorted.to_string();
    match rows {
        true => text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"),
        false => text,
    }
}

/// Rows, which carry [`LABEL_MAP`] for templates, sorted and without it, wherever they are.
fn sort_rows(value: &Value, found: &mut bool) -> Value {
    match value {
        Value::Object(map) if map.contains_key(LABEL_MAP) => {
            *found = true;
            let row: BTreeMap<String, Value> = map.clone().into_iter().filter(|(key, _)| key != LABEL_MAP).collect();
            row.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), sort_rows(v, found))).collect::<Map<_, _>>().into(),
        Value::Array(list) => list.iter().map(|item| sort_rows(item, found)).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// The entries of a map as Go iterates over them: by key.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// As `fmt` prints: maps as `map[k:v]`, lists as `[a b]`.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> = sorted(map).into_iter().map(|(k, v)| format!("{k}:{}", print(v))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}

/// Go's truth: not zero, not empty.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap_or(0) as usize
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = !c.is_alphanumeric();
    }
    out
}

/// What a map has for a key that is not there: nothing, which of a map of texts is the empty one.
fn zero(map: &Map<String, Value>) -> Value {
    if map.values().all(Value::is_string) { Value::from("") } else { Value::Null }
}

fn index(value: &Value, keys: &[Value]) -> Result<Value, TemplateError> {
    let mut value = value.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::Object(map), key) => map.get(&print(key)).cloned().unwrap_or_else(|| zero(map)),
            (Value::Array(list), Value::Number(n)) => {
                let found = n.as_u64().and_then(|n| list.get(n as usize));
                found
                    .cloned()
                    .ok_or_else(|| TemplateError::new(format!("error calling index: index out of range: {n}")))?
            }
            (Value::Null, _) => return Err(TemplateError::new("error calling index: index of untyped nil")),
            (other, _) => return Err(TemplateError::new(format!("error calling index: can't index {}", print(other)))),
        };
    }
    Ok(value)
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn order(a: &Value, b: &Value) -> Result<Ordering, TemplateError> {
    let incompatible = || TemplateError::new("incompatible types for comparison");
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)).ok_or_else(incompatible)
        }
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        _ => Err(incompatible()),
    }
}

/// `%s %v %d %q %t %%`, with a width (`%-10s`, `%5d`) and a precision (`%.2f`).
fn printf(format: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = String::new();
        while let Some(d) = chars.next_if(|d| d.is_ascii_digit() || matches!(d, '-' | '.' | '+')) {
            spec.push(d);
        }
        let verb = chars.next().unwrap_or('%');
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = args.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let (width, precision) = spec.split_once('.').unwrap_or((&spec, ""));
        let text = match verb {
            'q' => format!("{:?}", print(value)),
            'f' => format!("{:.*}", precision.parse().unwrap_or(6), value.as_f64().unwrap_or(0.0)),
            'x' => value.as_u64().map_or_else(|| print(value), |n| format!("{n:x}")),
            _ => print(value),
        };
        let left = width.starts_with('-');
        let width: usize = width.trim_start_matches(['-', '+']).parse().unwrap_or(0);
        out.push_str(&if left { format!("{text:<width$}") } else { format!("{text:>width$}") });
    }
    out
}
