//! MurmurHash2 with Kafka's seed, which maps keys to partitions.

const M: u32 = 0x5bd1_e995;
const R: u32 = 24;
const SEED: u32 = 0x9747_b28c;

/// The partition of a key, as the `murmur2` partitioners of Java's client and librdkafka choose it.
#[inline]
pub fn partition_of(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % partitions
}

#[inline]
fn murmur2(data: &[u8]) -> u32 {
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_kafka_does() {
        let known: [(&str, i32); 7] = [
            ("", 275646681),
            ("21", -973932308),
            ("abc", 479470107),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn the_sign_does_not_count_for_the_partition() {
        assert_eq!(partition_of(b"foobar", 6), (-790332482i32 & 0x7fff_ffff) as usize % 6);
        assert_eq!(partition_of(b"foobar", 1), 0);
    }
}
