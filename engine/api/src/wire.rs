//! Helpers that give types the JSON habits of Go.

use std::collections::BTreeMap;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// How Go writes a time that was never set.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// The value `{}` of Docker's sets, which are maps to empty objects (`"ExposedPorts": {"80/tcp": {}}`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Containers that can be empty, for [`null_if_empty`].
pub(crate) trait IsEmpty {
    fn is_empty(&self) -> bool;
}

impl<T> IsEmpty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> IsEmpty for BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// Go writes a nil slice or map as `null`.
pub(crate) fn null_if_empty<T: IsEmpty + Serialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if value.is_empty() { serializer.serialize_none() } else { value.serialize(serializer) }
}

/// Go's `omitempty` for a number, a flag or a string.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Docker's `strslice`: a command may be written as one string or as a list.
pub(crate) fn string_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct StringOrList;

    impl<'de> Visitor<'de> for StringOrList {
        type Value = Option<Vec<String>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string or a list of strings")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok(Some(vec![value.to_owned()]))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = seq.next_element()? {
                list.push(item);
            }
            Ok(Some(list))
        }
    }

    deserializer.deserialize_any(StringOrList)
}

/// A list of words that some clients write as numbers: `"GroupAdd": [1000, "audio"]`.
pub(crate) fn words_or_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Item {
        Word(String),
        Number(i64),
    }

    let items = Option::<Vec<Item>>::deserialize(deserializer)?;
    let word = |item| match item {
        Item::Word(word) => word,
        Item::Number(number) => number.to_string(),
    };
    Ok(items.into_iter().flatten().map(word).collect())
}
