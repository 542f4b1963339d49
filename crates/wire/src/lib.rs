//! The compact form in which values pass between the parts of one build of the page: from the build to the
//! first wasm (the examples and the first picture), and between the first wasm and the second, which computes and reads.
//!
//! It is not a format for the outside: it names no fields and has no versions, so it is never stored. Its only
//! virtue is that reading and writing it takes next to no code: a call for each field. serde's derived readers
//! weigh fifty times as much.

// The derive names this crate by its name, in its own tests too.
#[cfg(test)]
extern crate self as wire;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

pub use wire_derive::Wire;

/// A value that can pass. Derive it: fields pass in the order of their declaration.
pub trait Wire: Sized {
    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the value. Where the input is not one, this is some value, and the input is marked as failed.
    fn read(input: &mut Input<'_>) -> Self;
}

/// The value as bytes.
pub fn encode(value: &impl Wire) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out);
    out
}

/// The value that [`encode`] made these bytes of; `None` if they are not such bytes.
pub fn decode<T: Wire>(bytes: &[u8]) -> Option<T> {
    let mut input = Input::of(bytes);
    let value = T::read(&mut input);
    input.is_read().then_some(value)
}

/// Bytes that a list takes at most: a length that asks for more is none.
const MOST_BYTES: usize = 1 << 28;

/// Bytes that are being read.
#[derive(Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Input<'a> {
    /// Bytes from their beginning on, for who reads what they hold bit by bit.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// Whether they were what was expected, and nothing is left.
    pub fn is_read(&self) -> bool {
        !self.failed && self.rest.is_empty()
    }

    /// Marks the input as not being what was expected.
    pub fn fail(&mut self) {
        self.failed = true;
        self.rest = &[];
    }

    /// One byte: which variant follows. 0 where there is none.
    #[inline(never)]
    pub fn tag(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((tag, rest)) => {
                self.rest = rest;
                *tag
            }
            None => {
                self.fail();
                0
            }
        }
    }

    /// A number, seven bits to a byte, the lowest first.
    #[inline(never)]
    pub fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.tag();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        self.fail();
        0
    }

    /// A length. There cannot be more items than bytes.
    #[inline(never)]
    pub fn length(&mut self) -> usize {
        match usize::try_from(self.number()) {
            Ok(length) if length <= self.rest.len() => length,
            _ => {
                self.fail();
                0
            }
        }
    }

    /// The length of a list of items that take so many bytes each when they are read.
    #[inline(never)]
    pub fn items(&mut self, size: usize) -> usize {
        let length = self.length();
        if length <= MOST_BYTES / size.max(1) {
            return length;
        }
        self.fail();
        0
    }

    /// Bytes, as a list of numbers below 256 passes.
    #[inline(never)]
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.length();
        let (bytes, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        bytes
    }

    /// A text.
    #[inline(never)]
    pub fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_else(|_| {
            self.fail();
            ""
        })
    }
}

/// Appends a number as [`Input::number`] reads it.
#[inline(never)]
pub fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        // The mask leaves seven bits.
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// Appends bytes as [`Input::bytes`] reads them.
#[inline(never)]
pub fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends a text as [`Input::text`] reads it.
#[inline(never)]
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_bytes(text.as_bytes(), out);
}

impl Wire for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut Input<'_>) -> Self {
        input.tag() != 0
    }
}

impl Wire for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut Input<'_>) -> Self {
        input.tag()
    }
}

macro_rules! unsigned {
    ($($type:ty)*) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                write_number(u64::from(*self), out);
            }

            fn read(input: &mut Input<'_>) -> Self {
                let number = input.number();
                Self::try_from(number).unwrap_or_else(|_| {
                    input.fail();
                    0
                })
            }
        }
    )*};
}

unsigned!(u16 u32 u64);

macro_rules! signed {
    ($($type:ty)*) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                write_number(i64::from(*self).cast_unsigned(), out);
            }

            fn read(input: &mut Input<'_>) -> Self {
                let number = input.number().cast_signed();
                Self::try_from(number).unwrap_or_else(|_| {
                    input.fail();
                    0
                })
            }
        }
    )*};
}

signed!(i32 i64);

impl Wire for String {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        input.text().to_owned()
    }
}

impl Wire for Arc<str> {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        input.text().into()
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn write(&self, out: &mut Vec<u8>) {
        T::write(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        Self::new(T::read(input))
    }
}

impl<T: Wire> Wire for Box<T> {
    fn write(&self, out: &mut Vec<u8>) {
        T::write(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        Self::new(T::read(input))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Self {
        (input.tag() != 0).then(|| T::read(input))
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_err()));
        match self {
            Ok(value) => value.write(out),
            Err(error) => error.write(out),
        }
    }

    fn read(input: &mut Input<'_>) -> Self {
        if input.tag() == 0 { Ok(T::read(input)) } else { Err(E::read(input)) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        for item in self {
            item.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Self {
        let length = input.items(size_of::<T>());
        // It has room for no more than it holds: room for more would be most of what a large cluster takes.
        (0..length).map(|_| T::read(input)).collect()
    }
}

impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        for (key, value) in self {
            key.write(out);
            value.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Self {
        let mut map = Self::new();
        for _ in 0..input.length() {
            if input.failed {
                break;
            }
            insert(&mut map, K::read(input), V::read(input));
        }
        map
    }
}

/// Not in line: maps of one layout can share it then.
#[inline(never)]
fn insert<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    map.insert(key, value);
}

impl Wire for () {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut Input<'_>) -> Self {}
}

impl Wire for usize {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(*self as u64, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        let number = input.number();
        Self::try_from(number).unwrap_or_else(|_| {
            input.fail();
            0
        })
    }
}

impl Wire for f64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(input: &mut Input<'_>) -> Self {
        match input.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                input.rest = rest;
                Self::from_le_bytes(*bytes)
            }
            None => {
                input.fail();
                0.0
            }
        }
    }
}

impl Wire for IpAddr {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            Self::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
    }

    fn read(input: &mut Input<'_>) -> Self {
        match input.tag() {
            4 => Self::from(std::array::from_fn::<u8, 4, _>(|_| input.tag())),
            6 => Self::from(std::array::from_fn::<u8, 16, _>(|_| input.tag())),
            _ => {
                input.fail();
                Self::from([0; 4])
            }
        }
    }
}

thread_local! {
    /// Every text that was read as a `&'static str`.
    static LASTING: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// A text of the program itself (a name, a heading). Its reader keeps each one once and for ever: there are only as
/// many as stand in the program that wrote them.
impl Wire for &'static str {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        let text = input.text();
        LASTING.with_borrow_mut(|lasting| match lasting.get(text) {
            Some(lasting) => *lasting,
            None => {
                let text: &'static str = Box::leak(Box::from(text));
                lasting.insert(text);
                text
            }
        })
    }
}

impl<T: Wire, const N: usize> Wire for [T; N] {
    fn write(&self, out: &mut Vec<u8>) {
        for item in self {
            item.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Self {
        std::array::from_fn(|_| T::read(input))
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        (A::read(input), B::read(input))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Wire, decode, encode};
    use std::{collections::BTreeMap, net::IpAddr};

    #[derive(Debug, Clone, PartialEq, Wire)]
    struct Record {
        text: String,
        number: Option<u16>,
        signed: i64,
        list: Vec<Choice>,
        map: BTreeMap<String, u32>,
        share: f64,
        place: (usize, IpAddr),
        word: &'static str,
        bits: [bool; 2],
    }

    #[derive(Debug, Clone, PartialEq, Wire)]
    enum Choice {
        Nothing,
        One(Box<Record>),
        Named { yes: bool, inner: Result<u64, String> },
    }

    fn record() -> Record {
        let inner = Record {
            text: String::new(),
            number: None,
            signed: i64::MIN,
            list: Vec::new(),
            map: BTreeMap::default(),
            share: f64::MIN_POSITIVE,
            place: (usize::MAX, "fd00::1".parse().expect("an address")),
            word: "tcp",
            bits: [true, false],
        };
        let named = |inner| Choice::Named { yes: true, inner };
        Record {
            text: "é\u{0}".into(),
            number: Some(u16::MAX),
            signed: -1,
            list: vec![
                Choice::Nothing,
                Choice::One(Box::new(inner)),
                named(Ok(u64::MAX)),
                named(Err("no".into())),
            ],
            map: [("a".to_owned(), 0), ("b".to_owned(), 300)].into(),
            share: -1.0 / 3.0,
            place: (0, "10.0.0.4".parse().expect("an address")),
            word: "tcp",
            bits: [false, true],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode(&encode(&record())), Some(record()));
    }

    #[test]
    fn bytes_that_are_cut_longer_or_wrong_are_refused() {
        let bytes = encode(&record());
        for end in 0..bytes.len() {
            assert_eq!(decode::<Record>(&bytes[..end]), None, "cut at {end}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<Record>(&longer), None);
        assert_eq!(decode::<Choice>(&[3]), None, "no such variant");
        assert_eq!(decode::<String>(&[1, 0xff]), None, "not UTF-8");
        assert_eq!(decode::<u16>(&[0x80, 0x80, 0x04]), None, "65536");
        assert_eq!(decode::<Vec<bool>>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), None, "more items than bytes");
    }
}
