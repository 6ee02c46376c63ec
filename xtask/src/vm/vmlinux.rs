//! The kernel proper out of the compressed image that distributions ship: QEMU starts it at once (PVH), which saves the
//! emulated decompression.

use super::tools::Tools;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// The boot protocol's fields: <https://docs.kernel.org/arch/x86/boot.html>.
const MAGIC: (usize, &[u8]) = (0x202, b"HdrS");
const SETUP_SECTORS: usize = 0x1f1;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;

/// What the payload is compressed with.
#[derive(Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Lz4,
    Xz,
    Zstd,
    None,
}

/// An ELF file from a bzImage.
///
/// # Errors
/// When it is no bzImage, or packed with something else than gzip, lz4, xz or zstd.
pub(super) fn extract(image: &[u8], tools: &Tools) -> Result<Vec<u8>> {
    let payload = payload(image)?;
    let elf = match packing(payload)? {
        Packing::Gzip => {
            let mut elf = Vec::new();
            flate2::read::GzDecoder::new(payload).read_to_end(&mut elf).context("cannot unpack the kernel")?;
            elf
        }
        // The length before compression is appended, which these formats know nothing of.
        Packing::Lz4 => filter(tools.command("lz4")?.arg("-dc"), without_length(payload))?,
        Packing::Xz => filter(tools.command("xz")?.args(["-dc", "--single-stream"]), without_length(payload))?,
        Packing::Zstd => filter(tools.command("zstd")?.arg("-dc"), without_length(payload))?,
        Packing::None => payload.to_vec(),
    };
    if !elf.starts_with(b"\x7fELF") {
        bail!("what the kernel image holds is no ELF file");
    }
    Ok(elf)
}

fn payload(image: &[u8]) -> Result<&[u8]> {
    let number = |at: usize| {
        let bytes = image.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        bytes.and_then(|number| usize::try_from(number).ok()).context("the kernel image is cut short")
    };
    if image.get(MAGIC.0..MAGIC.0 + 4) != Some(MAGIC.1) {
        bail!("not a kernel image for x86");
    }
    let sectors = match image[SETUP_SECTORS] {
        0 => 4,
        n => usize::from(n),
    };
    let start = (sectors + 1) * SECTOR + number(PAYLOAD_OFFSET)?;
    image.get(start..start + number(PAYLOAD_LENGTH)?).context("the kernel image is cut short")
}

fn packing(payload: &[u8]) -> Result<Packing> {
    Ok(match payload {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x02, 0x21, 0x4c, 0x18, ..] => Packing::Lz4,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        [0x7f, b'E', b'L', b'F', ..] => Packing::None,
        other => bail!("the kernel is packed with something unknown: {:02x?}", other.get(..6).unwrap_or(other)),
    })
}

fn without_length(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().saturating_sub(4)]
}

/// Runs a filter over bytes.
fn filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start a filter")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let mut stdout = child.stdout.take().context("no stdout")?;
    std::thread::scope(|scope| {
        // What it cannot take shows in what comes out.
        scope.spawn(move || stdin.write_all(input).ok());
        let mut out = Vec::new();
        stdout.read_to_end(&mut out).context("cannot read what the filter wrote")?;
        child.wait()?;
        Ok(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_lies_where_the_header_says() {
        let mut image = vec![0; 3 * SECTOR];
        image[SETUP_SECTORS] = 1;
        image[MAGIC.0..MAGIC.0 + 4].copy_from_slice(MAGIC.1);
        image[PAYLOAD_OFFSET] = 16;
        image[PAYLOAD_LENGTH] = 6;
        image[2 * SECTOR + 16..2 * SECTOR + 22].copy_from_slice(b"\xfd7zXZ\0");
        assert_eq!(packing(payload(&image).unwrap()).unwrap(), Packing::Xz);
        image.truncate(2 * SECTOR + 20);
        assert!(payload(&image).is_err(), "cut short");
        assert!(payload(b"MZ").is_err());
    }
}
