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
