//! The fields that packets are made of.

/// What is left of a packet that is being read.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Bytes up to a zero, which is skipped.
    pub(super) fn until_zero(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }

    /// The same for a last field, whose zero some senders leave out.
    pub(super) fn until_zero_or_end(&mut self) -> &'a [u8] {
        self.until_zero()
            .unwrap_or_else(|| std::mem::take(&mut self.0))
    }

    /// Bytes with their length before them, in 1, 3, 4 or 9 bytes.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = match self.u8()? {
            short @ 0..=0xfa => u64::from(short),
            0xfc => self.u16()?.into(),
            0xfd => {
                let [low, middle, high] = self.array()?;
                u32::from_le_bytes([low, middle, high, 0]).into()
            }
            0xfe => self.array().map(u64::from_le_bytes)?,
            0xfb | 0xff => return None,
        };
        self.take(usize::try_from(length).ok()?)
    }
}

/// Adds bytes and the zero that ends them. A zero among them would end them early: nothing that was
/// read by [`Fields::until_zero`] holds one.
pub(super) fn put_until_zero(packet: &mut Vec<u8>, text: &[u8]) {
    packet.extend_from_slice(text);
    packet.push(0);
}

/// Adds bytes with their length before them.
pub(super) fn put_counted(packet: &mut Vec<u8>, bytes: &[u8]) {
    let [first, second, third, rest @ ..] = (bytes.len() as u64).to_le_bytes();
    match (rest, third, second, first) {
        ([0, 0, 0, 0, 0], 0, 0, 0..=0xfa) => packet.push(first),
        ([0, 0, 0, 0, 0], 0, ..) => packet.extend([0xfc, first, second]),
        ([0, 0, 0, 0, 0], ..) => packet.extend([0xfd, first, second, third]),
        _ => {
            packet.push(0xfe);
            packet.extend((bytes.len() as u64).to_le_bytes());
        }
    }
    packet.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::{Fields, put_counted};

    #[test]
    fn a_length_of_every_size_is_read_as_it_was_written() {
        for length in [0, 1, 0xfa, 0xfb, 0xff, 0x100, 0xffff, 0x1_0000, 0x12_3456] {
            let bytes = vec![7; length];
            let mut packet = Vec::new();
            put_counted(&mut packet, &bytes);
            let mut fields = Fields::of(&packet);
            assert_eq!(fields.counted(), Some(&*bytes), "{length}");
            assert!(fields.rest().is_empty(), "{length}");
        }
        let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        for nonsense in [&[0xfb][..], &[0xff, 1], &[0xfc, 1], &huge] {
            assert_eq!(Fields::of(nonsense).counted(), None);
        }
    }
}
