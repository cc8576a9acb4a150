//! What an API server makes up, made up the same way each time: uids and the ends of generated names.

/// Gives ids that no two objects share.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    seed: u64,
    given: u64,
}

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, given: 0 }
    }

    /// A number that looks drawn: the counter, stirred.
    fn next(&mut self) -> u64 {
        self.given += 1;
        let mut number = self
            .seed
            .wrapping_add(self.given.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// In the form of a random UUID. Holds the counter, so that none comes twice.
    pub(super) fn uid(&mut self) -> String {
        let number = self.next();
        let (high, middle) = (number >> 32, (number >> 16) & 0xFFFF);
        let (version, variant) = (number & 0xFFF, 0x8000 | (number >> 50));
        let counter = self.given & 0xFFFF_FFFF_FFFF;
        format!("{high:08x}-{middle:04x}-4{version:03x}-{variant:04x}-{counter:012x}")
    }

    /// Five letters and digits that spell no word.
    pub(super) fn suffix(&mut self) -> String {
        const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut number = self.next();
        let letter = |_| {
            let letter = ALPHABET[usize::try_from(number % 27).unwrap_or_default()];
            number /= 27;
            char::from(letter)
        };
        (0..5).map(letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_form_differ_and_come_the_same_way_each_time() {
        let ids = |seed| {
            let mut ids = Ids::new(seed);
            [ids.uid(), ids.uid(), ids.suffix()]
        };
        let [one, two, suffix] = ids(1);
        assert_eq!(ids(1), [one.clone(), two.clone(), suffix.clone()]);
        assert_ne!(one, two);
        assert_ne!(ids(2)[0], one);
        assert_eq!(suffix.len(), 5);
        let lengths: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{one}");
    }
}
