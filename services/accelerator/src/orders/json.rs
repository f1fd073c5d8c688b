//! Reads JSON from left to right, as far as simple orders need it.

/// The deepest nesting of values that is read here.
const MAX_DEPTH: u32 = 32;
/// The most digits of an integer, or before the decimal point: they neither overflow nor lose precision.
pub const MAX_DIGITS: usize = 16;
const MAX_FRACTION: usize = 40;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Reads UTF-8 from left to right; whether it is valid has to be checked by others. `at` is the next byte. Methods return
/// None for what is not read here.
pub struct JsonReader<'a> {
    pub body: &'a [u8],
    pub at: usize,
    /// Whether a string had a byte that is not ASCII.
    pub non_ascii: bool,
    /// How often a byte, or eight at a time, was looked at.
    #[cfg(test)]
    pub looks: std::cell::Cell<usize>,
}

/// Where a string is without its quotes, how many characters it has, and whether it has escapes.
pub struct Text {
    pub start: usize,
    pub end: usize,
    pub chars: usize,
    pub escaped: bool,
}

impl<'a> JsonReader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            at: 0,
            non_ascii: false,
            #[cfg(test)]
            looks: std::cell::Cell::new(0),
        }
    }

    #[inline(always)]
    fn count_look(&self) {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
    }

    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.count_look();
        self.body.get(self.at).copied()
    }

    /// Skip white space.
    #[inline(always)]
    pub fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Skip white space that does not end a line.
    #[inline]
    pub fn skip_whitespace_in_line(&mut self) {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Read this byte, which must be next.
    #[inline(always)]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    #[inline(always)]
    pub fn text(&mut self) -> Option<Text> {
        self.expect(b'"')?;
        let start = self.at;
        let mut continuation = 0; // bytes after the first of a character
        let mut escaped = false;
        loop {
            // Eight bytes at a time while nothing in them is special: no quote, backslash, control or non-ASCII byte.
            while let Some(chunk) = self.body.get(self.at..self.at + 8) {
                self.count_look();
                let word = u64::from_le_bytes(chunk.try_into().ok()?);
                let quote = word ^ (ONES * b'"' as u64);
                let slash = word ^ (ONES * b'\\' as u64);
                let hit = (quote.wrapping_sub(ONES) & !quote)
                    | (slash.wrapping_sub(ONES) & !slash)
                    | (word.wrapping_sub(ONES * 0x20) & !word)
                    | word;
                let hit = hit & HIGHS;
                if hit != 0 {
                    // The lowest hit is exact: a borrow only affects bytes above it.
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
                    continuation += usize::from(byte & 0xc0 == 0x80);
                    self.non_ascii |= byte >= 0x80;
                    self.at += 1;
                }
            }
        }
        let end = self.at;
        self.at += 1;
        Some(Text { start, end, chars: end - start - continuation, escaped })
    }

    fn escape(&mut self) -> Option<()> {
        match self.body.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            _ => return None, // Python decides about \u
        }
        Some(())
    }

    #[inline(always)]
    fn digits(&mut self, max: usize) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (1..=max).contains(&(self.at - start)).then_some(())
    }

    /// A number that is not negative and has no exponent.
    #[inline(always)]
    pub fn number(&mut self) -> Option<()> {
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

    /// Any value.
    pub fn value(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' | b'[' if depth >= MAX_DEPTH => None,
            b'{' => self.members(b'}', depth),
            b'[' => self.members(b']', depth),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'-' => {
                self.at += 1;
                self.number()
            }
            _ => self.number(),
        }
    }

    fn members(&mut self, close: u8, depth: u32) -> Option<()> {
        self.at += 1;
        self.skip_whitespace();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            if close == b'}' {
                self.text()?;
                self.skip_whitespace();
                self.expect(b':')?;
                self.skip_whitespace();
            }
            self.value(depth + 1)?;
            self.skip_whitespace();
            let next = self.peek()?;
            self.at += 1;
            if next == close {
                return Some(());
            }
            if next != b',' {
                return None;
            }
            self.skip_whitespace();
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.body[self.at..].starts_with(literal).then(|| self.at += literal.len())
    }
}
