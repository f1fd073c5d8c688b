//! Whether bytes are an order, by the rules of `orderpipeline_common/order.py`.
//!
//! Only plain orders are taken: what is wrong and what is unusual (escapes where they matter, a field twice, numbers
//! with exponents, deep nesting) are both `None`, and then Python decides. So everything taken here is what Python
//! would take, with the same key and id, and what is refused and how it is told is Python's alone.

/// Nested values deeper than this are left to Python.
const MAX_DEPTH: u32 = 32;
/// Digits of a whole number, or before the point, that surely neither overflow nor lose anything.
const MAX_DIGITS: usize = 16;
const MAX_FRACTION: usize = 40;
const MAX_QUANTITY: u64 = (1 << 53) - 1;
const MAX_NAME: usize = 128;
const MAX_ID: usize = 64;

/// One order within a body: places are bytes from the body's beginning. `id_len` is 0 when it has no order_id.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    pub key: u32,
    pub id: u32,
    pub key_len: u16,
    pub id_len: u16,
}

/// Reads valid UTF-8 from left to right; `at` is the next byte.
pub struct Reader<'a> {
    pub body: &'a [u8],
    pub at: usize,
}

/// A string's place without its quotes, its characters, and whether it has escapes.
struct Text {
    start: usize,
    end: usize,
    chars: usize,
    escaped: bool,
}

const CUSTOMER: u8 = 1;
const PRODUCT: u8 = 2;
const QUANTITY: u8 = 4;
const AMOUNT: u8 = 8;
const ORDER_ID: u8 = 16;
const NEEDED: u8 = CUSTOMER | PRODUCT | QUANTITY | AMOUNT;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0 }
    }

    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// Step over white space.
    #[inline(always)]
    pub fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Step over this byte, which has to be next.
    #[inline(always)]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// One order, which has to be next.
    #[inline]
    pub fn order(&mut self) -> Option<Span> {
        let mut span = Span { start: self.at as u32, ..Span::default() };
        let mut seen = 0u8;
        self.expect(b'{')?;
        loop {
            self.blank();
            let name = self.text()?;
            if name.escaped {
                return None;
            }
            self.blank();
            self.expect(b':')?;
            self.blank();
            let field = match &self.body[name.start..name.end] {
                b"customer_id" => {
                    let text = self.name(MAX_NAME)?;
                    span.key = text.start as u32;
                    span.key_len = (text.end - text.start) as u16;
                    CUSTOMER
                }
                b"product_id" => {
                    self.name(MAX_NAME)?;
                    PRODUCT
                }
                b"quantity" => {
                    self.quantity()?;
                    QUANTITY
                }
                b"amount" => {
                    self.number()?;
                    AMOUNT
                }
                b"order_id" => {
                    let text = self.name(MAX_ID)?;
                    span.id = text.start as u32;
                    span.id_len = (text.end - text.start) as u16;
                    ORDER_ID
                }
                _ => {
                    self.value(1)?;
                    0
                }
            };
            if seen & field != 0 {
                return None;
            }
            seen |= field;
            self.blank();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.at += 1;
        span.end = self.at as u32;
        (seen & NEEDED == NEEDED).then_some(span)
    }

    /// A string of 1 to `most` characters without escapes.
    #[inline(always)]
    fn name(&mut self, most: usize) -> Option<Text> {
        let text = self.text()?;
        (!text.escaped && (1..=most).contains(&text.chars)).then_some(text)
    }

    #[inline(always)]
    fn text(&mut self) -> Option<Text> {
        self.expect(b'"')?;
        let start = self.at;
        let mut following = 0; // bytes that continue a character
        let mut escaped = false;
        loop {
            // Eight bytes at a time while nothing in them is special: no quote, backslash, control or non-ASCII byte.
            while let Some(chunk) = self.body.get(self.at..self.at + 8) {
                let word = u64::from_le_bytes(chunk.try_into().ok()?);
                let quote = word ^ (ONES * b'"' as u64);
                let slash = word ^ (ONES * b'\\' as u64);
                let hit = (quote.wrapping_sub(ONES) & !quote)
                    | (slash.wrapping_sub(ONES) & !slash)
                    | (word.wrapping_sub(ONES * 0x20) & !word)
                    | word;
                let hit = hit & HIGHS;
                if hit != 0 {
                    // The lowest hit is exact; borrows only ever touch bytes above it.
                    self.at += (hit.trailing_zeros() / 8) as usize;
                    break;
                }
                self.at += 8;
            }
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0..=0x1f => return None,
                byte => {
                    following += usize::from(byte & 0xc0 == 0x80);
                    self.at += 1;
                }
            }
        }
        let end = self.at;
        self.at += 1;
        Some(Text { start, end, chars: end - start - following, escaped })
    }

    fn escape(&mut self) -> Option<()> {
        match self.body.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            _ => return None, // \u has rules of its own
        }
        Some(())
    }

    #[inline(always)]
    fn digits(&mut self, most: usize) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (1..=most).contains(&(self.at - start)).then_some(())
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

    /// A number of 0 or more, without an exponent.
    #[inline(always)]
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.digits(MAX_DIGITS)?;
        if self.body[start] == b'0' && self.at - start > 1 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits(MAX_FRACTION)?;
        }
        Some(())
    }

    /// Any value of a field that is not ours.
    fn value(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' | b'[' if depth >= MAX_DEPTH => None,
            b'{' => self.members(b'}', depth),
            b'[' => self.members(b']', depth),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' => {
                self.at += 1;
                self.number()
            }
            _ => self.number(),
        }
    }

    fn members(&mut self, close: u8, depth: u32) -> Option<()> {
        self.at += 1;
        self.blank();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            if close == b'}' {
                self.text()?;
                self.blank();
                self.expect(b':')?;
                self.blank();
            }
            self.value(depth + 1)?;
            self.blank();
            let next = self.peek()?;
            self.at += 1;
            if next == close {
                return Some(());
            }
            if next != b',' {
                return None;
            }
            self.blank();
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.body[self.at..].starts_with(word).then(|| self.at += word.len())
    }
}
