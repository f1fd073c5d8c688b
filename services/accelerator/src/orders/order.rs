//! Reads orders by the rules of `orderpipeline_common/order.py`.
//!
//! Only simple orders are accepted. What is wrong and what is merely unusual (escapes where they matter, a field twice,
//! numbers with exponents, deep nesting) are both `None`, which leaves the decision to Python. So Python would accept
//! whatever is accepted here, with the same key and id, and only Python decides what is refused and how to say so.

use crate::orders::json::{JsonReader, MAX_DIGITS, Text};

const MAX_QUANTITY: u64 = (1 << 53) - 1;
const MAX_NAME: usize = 128;
const MAX_ID: usize = 64;

/// Where an order, its customer_id (the key) and its order_id are in a body, in bytes from the body's beginning.
/// `id_len` is 0 if it has no order_id.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub key_start: u32,
    pub id_start: u32,
    pub key_len: u16,
    pub id_len: u16,
}

/// A field of an order, as a bit of its own.
pub type Field = u8;
const OTHER: Field = 0;
const CUSTOMER: Field = 1;
const PRODUCT: Field = 2;
const QUANTITY: Field = 4;
const AMOUNT: Field = 8;
const ORDER_ID: Field = 16;
const REQUIRED: Field = CUSTOMER | PRODUCT | QUANTITY | AMOUNT;

impl Span {
    #[inline]
    pub fn key<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        &body[self.key_start as usize..][..self.key_len as usize]
    }

    #[inline]
    pub fn id<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        &body[self.id_start as usize..][..self.id_len as usize]
    }

    #[inline]
    pub fn has_id(&self) -> bool {
        self.id_len != 0
    }

    /// Bytes of the order.
    #[inline]
    pub fn size(&self) -> usize {
        (self.end - self.start) as usize
    }
}

impl JsonReader<'_> {
    /// Read one order, which must be next.
    #[inline]
    pub fn order(&mut self) -> Option<Span> {
        self.order_and_fields(|_, _, _| {})
    }

    /// As `order`; `found` gets each field with where its value begins and ends.
    #[inline(always)]
    pub fn order_and_fields(&mut self, mut found: impl FnMut(Field, usize, usize)) -> Option<Span> {
        let mut span = Span { start: self.at as u32, ..Span::default() };
        let mut seen = 0u8;
        self.expect(b'{')?;
        loop {
            self.skip_whitespace();
            let name = self.text()?;
            if name.escaped {
                return None;
            }
            self.skip_whitespace();
            self.expect(b':')?;
            self.skip_whitespace();
            let field = match &self.body[name.start..name.end] {
                b"customer_id" => CUSTOMER,
                b"product_id" => PRODUCT,
                b"quantity" => QUANTITY,
                b"amount" => AMOUNT,
                b"order_id" => ORDER_ID,
                _ => OTHER,
            };
            let start = self.at;
            self.field(field, &mut span)?;
            found(field, start, self.at);
            if seen & field != 0 {
                return None;
            }
            seen |= field;
            self.skip_whitespace();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.at += 1;
        span.end = self.at as u32;
        (seen & REQUIRED == REQUIRED).then_some(span)
    }

    /// Read a field's value, which must be next.
    #[inline(always)]
    pub fn field(&mut self, field: Field, span: &mut Span) -> Option<()> {
        match field {
            CUSTOMER => {
                let text = self.name(MAX_NAME)?;
                span.key_start = text.start as u32;
                span.key_len = (text.end - text.start) as u16;
            }
            PRODUCT => drop(self.name(MAX_NAME)?),
            QUANTITY => self.quantity()?,
            AMOUNT => self.number()?,
            ORDER_ID => {
                let text = self.name(MAX_ID)?;
                span.id_start = text.start as u32;
                span.id_len = (text.end - text.start) as u16;
            }
            _ => self.value(1)?,
        }
        Some(())
    }

    /// A string of 1 to `max` characters without escapes.
    #[inline(always)]
    fn name(&mut self, max: usize) -> Option<Text> {
        let text = self.text()?;
        (!text.escaped && (1..=max).contains(&text.chars)).then_some(text)
    }

    #[inline(always)]
    fn quantity(&mut self) -> Option<()> {
        let mut number = 0u64;
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
            if self.at - start > MAX_DIGITS {
                return None;
            }
        }
        (self.body.get(start) != Some(&b'0') && (1..=MAX_QUANTITY).contains(&number)).then_some(())
    }
}

/// The order that a record's value is, if it is a simple one and nothing else.
#[inline]
pub fn read_value(value: &[u8]) -> Option<Span> {
    simdutf8::basic::from_utf8(value).ok()?;
    let mut reader = JsonReader::new(value);
    reader.order().filter(|_| reader.at == value.len())
}

#[cfg(test)]
mod tests;
