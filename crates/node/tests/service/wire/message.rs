//! Protocol Buffers by hand: a message is the numbers and values of its fields, as the format's description says, and
//! no generated type has a part in it.

/// A message that is being made. Fields stand in the order in which they are added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// An `int32` or `int64`: ten bytes when it is below zero.
    pub(crate) fn number(mut self, field: u64, number: i64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(number.cast_unsigned());
        self
    }

    pub(crate) fn flag(self, field: u64, flag: bool) -> Self {
        self.number(field, flag.into())
    }

    /// One field of every kind, with numbers that no version of the format has.
    pub(crate) fn and_unknown(mut self) -> Self {
        self = self.number(90, -1).text(91, "from a newer client");
        self.varint(92 << 3 | FIXED64);
        self.0.extend_from_slice(&[0xff; 8]);
        self.varint(93 << 3 | FIXED32);
        self.0.extend_from_slice(&[0xff; 4]);
        self.varint(94 << 3 | GROUP);
        self = self.number(1, 7);
        self.varint(94 << 3 | GROUP_END);
        self.number(999, 1)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number > 0x7f {
            let [low, ..] = number.to_le_bytes();
            self.0.push(low | 0x80);
            number >>= 7;
        }
        let [low, ..] = number.to_le_bytes();
        self.0.push(low);
    }
}

/// The fields of a message that has come, in their order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Fields(Vec<(u64, Value)>);

#[derive(Clone, PartialEq, Debug)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Fields {
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                VARINT => Value::Number(varint(&mut bytes)),
                LENGTH => {
                    let length = usize::try_from(varint(&mut bytes)).unwrap();
                    let (value, rest) = bytes.split_at(length);
                    bytes = rest;
                    Value::Bytes(value.to_vec())
                }
                // The format has no others.
                kind => panic!("field {} is of wire type {kind}", tag >> 3),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    /// The numbers of the fields that earlier clients know, each once.
    pub(crate) fn known(&self) -> Vec<u64> {
        let mut numbers: Vec<_> = self.0.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|&number| number < 100);
        numbers
    }

    pub(crate) fn texts(&self, field: u64) -> Vec<String> {
        let all = self.all(field).map(|value| match value {
            Value::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            Value::Number(_) => panic!("field {field} is a number"),
        });
        all.collect()
    }

    /// A field that is there at most once.
    pub(crate) fn text(&self, field: u64) -> Option<String> {
        let mut all = self.texts(field);
        assert!(all.len() < 2, "field {field}: {all:?}");
        all.pop()
    }

    pub(crate) fn bytes(&self, field: u64) -> Vec<u8> {
        let all = self.all(field).map(|value| match value {
            Value::Bytes(bytes) => &bytes[..],
            Value::Number(_) => panic!("field {field} is a number"),
        });
        all.collect::<Vec<_>>().concat()
    }

    /// 0 when it is absent.
    pub(crate) fn number(&self, field: u64) -> i64 {
        let last = self.all(field).last();
        last.map_or(0, |value| match value {
            Value::Number(number) => number.cast_signed(),
            Value::Bytes(_) => panic!("field {field} is no number"),
        })
    }

    pub(crate) fn message(&self, field: u64) -> Option<Self> {
        let mut all = self.all(field);
        let one = all.next().map(|value| match value {
            Value::Bytes(bytes) => Self::read(bytes),
            Value::Number(_) => panic!("field {field} is a number"),
        });
        assert_eq!(all.next(), None, "field {field} is there twice");
        one
    }

    fn all(&self, field: u64) -> impl Iterator<Item = &Value> {
        let of = move |(number, value)| (number == field).then_some(value);
        self.0
            .iter()
            .map(|(number, value)| (*number, value))
            .filter_map(of)
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0..10 {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number without an end")
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const GROUP: u64 = 3;
const GROUP_END: u64 = 4;
const FIXED32: u64 = 5;
