//! Order ids in blocks: the ids of a block share a prefix, and end in three hexadecimal digits that count.

/// Ids in a block.
pub const BLOCK_SIZE: usize = 4096;
/// Characters of an id.
pub const ID_LEN: usize = 36;
/// Characters of a block's prefix.
pub const PREFIX_LEN: usize = ID_LEN - 3;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The id at a position of the block with this prefix.
#[inline]
pub fn id_at(prefix: &[u8], position: usize) -> [u8; ID_LEN] {
    let mut id = [0; ID_LEN];
    id[..PREFIX_LEN].copy_from_slice(prefix);
    for (digit, shift) in id[PREFIX_LEN..].iter_mut().zip([8, 4, 0]) {
        *digit = HEX[position >> shift & 15];
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_digits_count() {
        let prefix = [b'p'; PREFIX_LEN];
        for (position, digits) in [(0, b"000"), (10, b"00a"), (4095, b"fff")] {
            assert_eq!(id_at(&prefix, position), [prefix.as_slice(), digits].concat().as_slice());
        }
    }
}
