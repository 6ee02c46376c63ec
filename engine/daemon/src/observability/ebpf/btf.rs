//! The little of BTF that Hull asks for: by name, where a member of a structure lies.
//!
//! The kernel describes its types in `/sys/kernel/btf/vmlinux`, some 6 MB. Parsing all of it into objects takes tens of
//! megabytes; here the bytes are walked once, one 32-bit position is kept for each type, and everything is dropped when
//! the offsets are known. Format: the kernel's Documentation/bpf/btf.rst.

use std::collections::HashMap;

const MAGIC: u16 = 0xeb9f;

const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// Why the description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// Not what the format says, or cut off.
    #[error("not BTF: {0}")]
    Malformed(&'static str),
    /// A kind of type from a future kernel: its length is unknown, so nothing behind it can be found.
    #[error("BTF has a type of the unknown kind {0}")]
    UnknownKind(u32),
}

/// Types by name and by number.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    positions: Vec<u32>,
    structs: HashMap<&'a [u8], u32>,
    typedefs: HashMap<&'a [u8], u32>,
}

#[derive(Debug, Clone, Copy)]
struct Type {
    position: usize,
    name: u32,
    kind: u32,
    members: u32,
    has_bitfields: bool,
    /// Of a structure its size, of a pointer or a typedef the type that it leads to.
    size_or_type: u32,
}

impl<'a> Btf<'a> {
    /// Walks the types once.
    ///
    /// # Errors
    /// When the bytes are not BTF as this version knows it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let word = |at| u32_at(bytes, at).ok_or(BtfError::Malformed("short header"));
        if word(0)? & 0xffff != u32::from(MAGIC) {
            return Err(BtfError::Malformed("wrong magic number"));
        }
        let header = word(4)? as usize;
        let section = |offset: u32, length: u32| {
            let start = header.checked_add(offset as usize)?;
            bytes.get(start..start.checked_add(length as usize)?)
        };
        let types = section(word(8)?, word(12)?).ok_or(BtfError::Malformed("types outside the file"))?;
        let strings = section(word(16)?, word(20)?).ok_or(BtfError::Malformed("strings outside the file"))?;
        // Type 0 is void and has no bytes.
        let mut btf =
            Self { types, strings, positions: vec![u32::MAX], structs: HashMap::new(), typedefs: HashMap::new() };
        btf.walk()?;
        Ok(btf)
    }

    fn walk(&mut self) -> Result<(), BtfError> {
        let mut position = 0;
        while position < self.types.len() {
            let it = self.type_at(position).ok_or(BtfError::Malformed("a type is cut off"))?;
            let members = it.members as usize;
            let tail = match it.kind {
                KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
                KIND_ARRAY => 12,
                KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * members,
                KIND_ENUM | KIND_FUNC_PROTO => 8 * members,
                KIND_PTR | KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => 0,
                7 | 12 | 16 => 0, // forward declaration, function, float
                unknown => return Err(BtfError::UnknownKind(unknown)),
            };
            let number = u32::try_from(self.positions.len()).map_err(|_| BtfError::Malformed("too many types"))?;
            // The first of equal names: the kernel's own, not a module's.
            match it.kind {
                KIND_STRUCT => {
                    self.structs.entry(self.string(it.name)).or_insert(number);
                }
                KIND_TYPEDEF => {
                    self.typedefs.entry(self.string(it.name)).or_insert(number);
                }
                _ => {}
            }
            self.positions.push(u32::try_from(position).map_err(|_| BtfError::Malformed("too long"))?);
            position += 12 + tail;
        }
        Ok(())
    }

    fn type_at(&self, position: usize) -> Option<Type> {
        let info = u32_at(self.types, position + 4)?;
        Some(Type {
            position,
            name: u32_at(self.types, position)?,
            kind: (info >> 24) & 0x1f,
            members: info & 0xffff,
            has_bitfields: info >> 31 == 1,
            size_or_type: u32_at(self.types, position + 8)?,
        })
    }

    fn type_by_number(&self, number: u32) -> Option<Type> {
        self.type_at(*self.positions.get(number as usize)? as usize)
    }

    /// Past typedefs and qualifiers, to what a type is.
    fn resolve(&self, mut number: u32) -> Option<Type> {
        for _ in 0..32 {
            let it = self.type_by_number(number)?;
            match it.kind {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => number = it.size_or_type,
                _ => return Some(it),
            }
        }
        None
    }

    fn string(&self, offset: u32) -> &'a [u8] {
        let tail = self.strings.get(offset as usize..).unwrap_or_default();
        tail.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn structure(&self, name: &str) -> Option<Type> {
        self.type_by_number(*self.structs.get(name.as_bytes())?)
    }

    /// Size of a structure.
    pub fn size(&self, structure: &str) -> Option<u32> {
        Some(self.structure(structure)?.size_or_type)
    }

    /// Byte offset of a member, given as a path through embedded structures: `se.cfs_rq`. `None` for a bit field too.
    pub fn offset(&self, structure: &str, path: &str) -> Option<u32> {
        self.locate(structure, path).map(|(offset, _)| offset)
    }

    /// How many pointers a member is away from a structure, and that structure's name: `(2, "cfs_rq")` for
    /// `struct cfs_rq **`.
    pub fn pointee(&self, structure: &str, path: &str) -> Option<(u32, String)> {
        let (_, number) = self.locate(structure, path)?;
        self.follow_pointers(number)
    }

    fn follow_pointers(&self, number: u32) -> Option<(u32, String)> {
        let mut depth = 0;
        let mut it = self.resolve(number)?;
        while it.kind == KIND_PTR {
            depth += 1;
            it = self.resolve(it.size_or_type)?;
        }
        Some((depth, String::from_utf8_lossy(self.string(it.name)).into_owned()))
    }

    /// The same for a parameter of a tracepoint, counted from 0.
    pub fn tracepoint_argument(&self, tracepoint: &str, index: u32) -> Option<(u32, String)> {
        let typedef = self.type_by_number(*self.typedefs.get(format!("btf_trace_{tracepoint}").as_bytes())?)?;
        let pointer = self.resolve(typedef.size_or_type)?;
        let prototype = self.resolve(pointer.size_or_type).filter(|it| it.kind == KIND_FUNC_PROTO)?;
        // The first parameter is the tracer's own.
        let index = index.checked_add(1).filter(|index| *index < prototype.members)?;
        self.follow_pointers(u32_at(self.types, prototype.position + 12 + 8 * index as usize + 4)?)
    }

    fn locate(&self, structure: &str, path: &str) -> Option<(u32, u32)> {
        let mut it = self.structure(structure)?;
        let mut total = 0;
        let mut number = 0;
        for (depth, name) in path.split('.').enumerate() {
            if depth > 0 {
                it = self.resolve(number)?;
            }
            let (bits, member) = self.member(it, name.as_bytes(), 0)?;
            if bits % 8 != 0 {
                return None;
            }
            total += bits / 8;
            number = member;
        }
        Some((total, number))
    }

    /// Bit offset and type of a member, also of one in an anonymous structure or union.
    fn member(&self, it: Type, name: &[u8], nesting: u32) -> Option<(u32, u32)> {
        if !matches!(it.kind, KIND_STRUCT | KIND_UNION) || nesting > 8 {
            return None;
        }
        for index in 0..it.members as usize {
            let at = it.position + 12 + 12 * index;
            let (member, number) = (self.string(u32_at(self.types, at)?), u32_at(self.types, at + 4)?);
            let offset = u32_at(self.types, at + 8)?;
            let (bits, width) = if it.has_bitfields { (offset & 0x00ff_ffff, offset >> 24) } else { (offset, 0) };
            if member == name {
                return (width == 0).then_some((bits, number));
            }
            if member.is_empty()
                && let Some((inner, number)) = self.member(self.resolve(number)?, name, nesting + 1)
            {
                return Some((bits + inner, number));
            }
        }
        None
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description of: int; struct inner { int a; struct { int deep; }; }; struct outer { inner **p; inner i; int bit:1 }
    fn sample() -> Vec<u8> {
        let strings = b"\0int\0inner\0a\0deep\0outer\0p\0i\0bit\0";
        let name = |text: &str| {
            let text = format!("\0{text}\0");
            strings.windows(text.len()).position(|window| window == text.as_bytes()).unwrap() as u32 + 1
        };
        let info = |kind: u32, members: u32, flag: u32| flag << 31 | kind << 24 | members;
        let words = [
            vec![name("int"), info(KIND_INT, 0, 0), 4, 32],          // 1
            vec![0, info(KIND_STRUCT, 1, 0), 4, name("deep"), 1, 0], // 2
            vec![name("inner"), info(KIND_STRUCT, 2, 0), 8, name("a"), 1, 0, 0, 2, 32], // 3
            vec![0, info(KIND_PTR, 0, 0), 3],                        // 4
            vec![0, info(KIND_CONST, 0, 0), 4],                      // 5
            vec![0, info(KIND_PTR, 0, 0), 5],                        // 6
            vec![
                name("outer"),
                info(KIND_STRUCT, 3, 1),
                24,
                name("p"),
                6,
                0,
                name("i"),
                3,
                64,
                name("bit"),
                1,
                1 << 24 | 128,
            ], // 7
        ];
        let types: Vec<u8> = words.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        let header = [u32::from(MAGIC) | 1 << 16, 24, 0, types.len() as u32, types.len() as u32, strings.len() as u32];
        header.iter().flat_map(|word| word.to_le_bytes()).chain(types).chain(*strings).collect()
    }

    #[test]
    fn members_are_found_also_nested_and_in_anonymous_structures() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(btf.size("outer"), Some(24));
        assert_eq!(btf.offset("inner", "deep"), Some(4));
        assert_eq!(btf.offset("outer", "i.deep"), Some(12));
        assert_eq!(btf.pointee("outer", "p"), Some((2, "inner".to_owned())));
        for absent in ["bit", "q", "i.x", "p.a", ""] {
            assert_eq!(btf.offset("outer", absent), None, "{absent}");
        }
        assert_eq!(btf.offset("nothing", "a"), None);
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_refused() {
        let whole = sample();
        assert!(Btf::parse(&[]).is_err());
        assert!(Btf::parse(&whole[..40]).is_err());
        let mut wrong = whole.clone();
        wrong[0] = 0;
        assert!(matches!(Btf::parse(&wrong), Err(BtfError::Malformed("wrong magic number"))));
        let mut future = whole;
        future[24 + 7] = 30; // the kind of the first type
        assert!(matches!(Btf::parse(&future), Err(BtfError::UnknownKind(30))));
    }
}
