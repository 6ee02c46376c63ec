//! Lists, maps and structs of a JSON value, each level adding its name to an error that passes.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::value::GoValue;
use super::{DecodeError, Segment};

static NULL: Value = Value::Null;

/// The elements of a list, or the first `len` of them with `null` for those that are missing.
pub(super) struct Elements<'a> {
    items: &'a [Value],
    next: usize,
    len: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(items: &'a [Value]) -> Self {
        Self::exactly(items, items.len())
    }

    pub(super) fn exactly(items: &'a [Value], len: usize) -> Self {
        Self { items, next: 0, len }
    }
}

impl<'de, 'a: 'de> SeqAccess<'de> for Elements<'a> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        if self.next == self.len {
            return Ok(None);
        }
        let index = self.next;
        self.next += 1;
        let item = self.items.get(index).unwrap_or(&NULL);
        seed.deserialize(GoValue(item)).map(Some).map_err(|e| e.within(Segment::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.next)
    }
}

/// All entries of an object, for maps.
pub(super) struct Entries<'a> {
    iter: Option<serde_json::map::Iter<'a>>,
    current: Option<(&'a str, &'a Value)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(map: &'a Map<String, Value>) -> Self {
        Self { iter: Some(map.iter()), current: None }
    }

    pub(super) fn empty() -> Self {
        Self { iter: None, current: None }
    }
}

impl<'de, 'a: 'de> MapAccess<'de> for Entries<'a> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((key, value)) = self.iter.as_mut().and_then(Iterator::next) else { return Ok(None) };
        self.current = Some((key, value));
        let name: StrDeserializer<'_, DecodeError> = key.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        value_of(self.current.take(), seed)
    }
}

/// Those entries of an object that name a field of a struct, under the field's own spelling.
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    fields: std::slice::Iter<'static, &'static str>,
    current: Option<(&'a str, &'a Value)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(map: &'a Map<String, Value>, fields: &'static [&'static str]) -> Self {
        Self { map, fields: fields.iter(), current: None }
    }

    fn find(&self, field: &str) -> Option<&'a Value> {
        let map = self.map;
        map.get(field).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(field)).map(|(_, value)| value))
    }
}

impl<'de, 'a: 'de> MapAccess<'de> for Fields<'a> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        while let Some(field) = self.fields.next() {
            let Some(value) = self.find(field).filter(|value| !value.is_null()) else { continue };
            self.current = Some((field, value));
            let name: StrDeserializer<'_, DecodeError> = (*field).into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        value_of(self.current.take(), seed)
    }
}

fn value_of<'de, 'a: 'de, V: DeserializeSeed<'de>>(
    entry: Option<(&'a str, &'a Value)>,
    seed: V,
) -> Result<V::Value, DecodeError> {
    let Some((key, value)) = entry else {
        return Err(serde::de::Error::custom("a value was asked for before its key"));
    };
    seed.deserialize(GoValue(value)).map_err(|e| e.within(Segment::Key(key.to_owned())))
}
