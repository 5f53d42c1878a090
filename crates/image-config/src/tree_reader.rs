//! Reads a type from the tree of a document, and says at which value that failed. It
//! takes and refuses what `serde_yaml` takes and refuses.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde_yaml::Value;

use crate::tree::{Entry, Item, Kind, Node, Step};

/// The first error, and the path of the value that it is about.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub message: String,
    /// From the value to the root.
    path: Vec<Step>,
}

impl Wrong {
    /// From the root to the value.
    pub fn path(&self) -> Vec<Step> {
        self.path.iter().rev().cloned().collect()
    }

    fn inside(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            path: Vec::new(),
        }
    }
}

/// The value of a text without quotes: a number, `true`, nothing, or the text.
fn value(text: &str) -> Value {
    match serde_yaml::from_str(text) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

impl Node {
    /// The kind of value that was found, for an error.
    fn refuse(&self, expected: &dyn serde::de::Expected) -> Wrong {
        match &self.kind {
            Kind::List(_) => Wrong::invalid_type(Unexpected::Seq, expected),
            Kind::Map(_) => Wrong::invalid_type(Unexpected::Map, expected),
            Kind::Scalar(text, plain) => match (value(text), plain) {
                (Value::Null, true) => Wrong::invalid_type(Unexpected::Unit, expected),
                (Value::Bool(it), true) => Wrong::invalid_type(Unexpected::Bool(it), expected),
                _ => Wrong::invalid_type(Unexpected::Str(text), expected),
            },
        }
    }

    /// Whether nothing at all is written, which `serde_yaml` takes for an empty list
    /// or mapping.
    fn is_blank(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(text, true) if text.is_empty())
    }
}

/// The kinds of value that only a scalar can be.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match &self.kind {
                Kind::Scalar(text, true) => value(text)
                    .$method(visitor)
                    .map_err(Wrong::custom),
                Kind::Scalar(text, false) => Value::String(text.clone())
                    .$method(visitor)
                    .map_err(Wrong::custom),
                _ => Err(self.refuse(&visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &Node {
    type Error = Wrong;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64 deserialize_unit deserialize_bytes
        deserialize_byte_buf
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.kind {
            Kind::Scalar(text, plain) => {
                let value = match plain {
                    true => value(text),
                    false => Value::String(text.clone()),
                };
                match value {
                    // Not through `Value`, whose error has no path.
                    Value::String(_) => visitor.visit_str(text),
                    value => value.deserialize_any(visitor).map_err(Wrong::custom),
                }
            }
            Kind::List(items) => items_of(items, visitor),
            Kind::Map(entries) => entries_of(entries, visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.kind {
            Kind::Scalar(text, _) => visitor.visit_str(text),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.is_nothing() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.kind {
            Kind::List(items) => items_of(items, visitor),
            _ if self.is_blank() => items_of(&[], visitor),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.kind {
            Kind::Map(entries) => entries_of(entries, visitor),
            _ if self.is_blank() => entries_of(&[], visitor),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.kind {
            Kind::Scalar(text, _) => visitor.visit_enum(Word(text)),
            _ => {
                let names = format!("one of {}", variants.join(", "));
                Err(self.refuse(&names.as_str()))
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }
}

fn items_of<'de, V: Visitor<'de>>(items: &[Item], visitor: V) -> Result<V::Value, Wrong> {
    let mut access = Items { items, next: 0 };
    visitor.visit_seq(&mut access).map_err(|wrong| {
        // What a visitor finds in a list it finds at the item that it read last.
        match wrong.path.is_empty() && access.next > 0 {
            true => wrong.inside(Step::Item(access.next - 1)),
            false => wrong,
        }
    })
}

struct Items<'a> {
    items: &'a [Item],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        while let Some(item) = self.items.get(self.next) {
            let at = self.next;
            self.next += 1;
            if !item.gone {
                let value = seed.deserialize(&item.node);
                return value
                    .map(Some)
                    .map_err(|wrong| wrong.inside(Step::Item(at)));
            }
        }
        Ok(None)
    }
}

fn entries_of<'de, V: Visitor<'de>>(entries: &[Entry], visitor: V) -> Result<V::Value, Wrong> {
    visitor.visit_map(Entries {
        entries: entries.iter(),
        value: None,
    })
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.value = self.entries.find(|entry| !entry.gone);
        let key = self.value.map(|entry| seed.deserialize(&entry.key));
        key.transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some(entry) = self.value else {
            return Err(Wrong::custom("a value without a key"));
        };
        let name = entry.key.scalar().unwrap_or_default();
        seed.deserialize(&entry.value)
            .map_err(|wrong| wrong.inside(Step::Key(name.to_owned())))
    }
}

/// A word that stands for a variant.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Wrong;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), Wrong> {
        let word: StrDeserializer<'_, Wrong> = StrDeserializer::new(self.0);
        Ok((seed.deserialize(word)?, Unit))
    }
}

/// A variant without a value: `image.yaml` has no others.
struct Unit;

impl<'de> VariantAccess<'de> for Unit {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Wrong> {
        Err(Wrong::custom("a variant with a value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Wrong> {
        Err(Wrong::custom("a variant with a value"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Wrong> {
        Err(Wrong::custom("a variant with a value"))
    }
}
