//! Bytes as a source of choices: short inputs give zeros, so every input means something.

/// What is left of an input.
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub fn yes(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn number(&mut self) -> i64 {
        let mut all = [0; 8];
        for slot in &mut all {
            *slot = self.byte();
        }
        i64::from_le_bytes(all)
    }

    /// Small numbers mostly, edges often, anything sometimes.
    pub fn odd_number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..=199 => i64::from(small),
            200..=219 => -i64::from(self.byte()),
            220..=229 => i64::MAX - i64::from(self.byte()),
            230..=239 => i64::MIN + i64::from(self.byte()),
            _ => self.number(),
        }
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub fn some(&mut self, most: usize) -> &'a [u8] {
        let length = self.below(most + 1).min(self.0.len());
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        head
    }

    /// A text of at most so many bytes before it is made valid.
    pub fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.some(most)).into_owned()
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
