//! The little of BTF that Hull asks for: by name, where a member of a structure lies.
//!
//! The kernel describes its types in `/sys/kernel/btf/vmlinux`, some 6 MB. Neither the file nor its types are kept in
//! memory (an allocator would not give tens of megabytes back): the strings are read through once for the names that are
//! asked for, the types once for their positions, 4 bytes each, and what is then looked up is read in place. Format: the
//! kernel's Documentation/bpf/btf.rst.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAGIC: u32 = 0xeb9f;

const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FWD: u32 = 7;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_FLOAT: u32 = 16;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// A type without its tail: name, kind and number of members, size or type.
const HEAD: u64 = 12;
/// A member of a structure: name, type, offset.
const MEMBER: u64 = 12;
/// A parameter of a function: name, type.
const PARAMETER: u64 = 8;

/// Read at a time.
const WINDOW: usize = 16 * 1024;

/// Why the description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read, or ends too early.
    #[error("read BTF")]
    Read(#[from] io::Error),
    /// Not what the format says.
    #[error("not BTF: {0}")]
    Malformed(&'static str),
    /// A kind of type from a future kernel: its length is unknown, so nothing behind it can be found.
    #[error("BTF has a type of the unknown kind {0}")]
    UnknownKind(u32),
}

/// Where the bytes are.
pub trait Source {
    /// Fills the buffer from a position on; less only at the end.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Source for File {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        while length < buffer.len() {
            match FileExt::read_at(self, &mut buffer[length..], at + length as u64)? {
                0 => break,
                more => length += more,
            }
        }
        Ok(length)
    }
}

/// A part of the source, the last piece of which stays at hand.
struct Section<'a, S> {
    source: &'a S,
    start: u64,
    length: u64,
    window: RefCell<(u64, Vec<u8>)>,
}

impl<'a, S: Source> Section<'a, S> {
    fn new(source: &'a S, start: u64, length: u64) -> Self {
        Self { source, start, length, window: RefCell::new((0, Vec::new())) }
    }

    fn u32(&self, at: u64) -> Result<u32, BtfError> {
        let mut window = self.window.borrow_mut();
        if at + 4 > self.length {
            return Err(BtfError::Malformed("a type is cut off"));
        }
        if at < window.0 || at + 4 > window.0 + window.1.len() as u64 {
            window.0 = at;
            window.1.resize(WINDOW, 0);
            let length = self.source.read_at(self.start + at, &mut window.1)?;
            window.1.truncate(length);
        }
        let from = usize::try_from(at - window.0).unwrap_or(usize::MAX);
        let bytes = window.1.get(from..).and_then(|bytes| bytes.first_chunk());
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or(BtfError::Malformed("the file is cut off"))
    }

    /// Calls with each string and its place.
    fn strings(&self, mut each: impl FnMut(u32, &[u8])) -> Result<(), BtfError> {
        let mut buffer = vec![0; WINDOW];
        let (mut at, mut rest) = (0, Vec::new());
        while at < self.length {
            let length = self.source.read_at(self.start + at, &mut buffer)?;
            let length = length.min(usize::try_from(self.length - at).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(BtfError::Malformed("the file is cut off"));
            }
            let mut begin = at - rest.len() as u64;
            for piece in buffer[..length].split_inclusive(|byte| *byte == 0) {
                rest.extend(piece);
                if let Some((0, string)) = rest.split_last() {
                    each(u32::try_from(begin).map_err(|_| BtfError::Malformed("too many strings"))?, string);
                    begin += rest.len() as u64;
                    rest.clear();
                }
            }
            at += length as u64;
        }
        Ok(())
    }
}

/// Types by name and by number.
pub struct Btf<'a, S> {
    types: Section<'a, S>,
    /// Where each type is; type 0 is void and nowhere.
    positions: Vec<u32>,
    names: HashMap<&'a str, u32>,
    structs: HashMap<u32, u32>,
    typedefs: HashMap<u32, u32>,
}

#[derive(Debug, Clone, Copy)]
struct Type {
    position: u64,
    name: u32,
    kind: u32,
    members: u32,
    has_bitfields: bool,
    /// Of a structure its size, of a pointer or a typedef the type that it leads to.
    size_or_type: u32,
}

impl<'a, S: Source> Btf<'a, S> {
    /// Reads strings and types once. Only these names can be asked for.
    ///
    /// # Errors
    /// When the source is not BTF as this version knows it.
    pub fn read(source: &'a S, names: impl IntoIterator<Item = &'a str>) -> Result<Self, BtfError> {
        let header = Section::new(source, 0, 24);
        if header.u32(0)? & 0xffff != MAGIC {
            return Err(BtfError::Malformed("wrong magic number"));
        }
        let field = |at| header.u32(at).map(u64::from);
        let section =
            |offset, length| Ok::<_, BtfError>(Section::new(source, field(4)? + field(offset)?, field(length)?));
        let wanted: HashMap<&[u8], &str> = names.into_iter().map(|name| (name.as_bytes(), name)).collect();
        let mut names = HashMap::new();
        section(16, 20)?.strings(|at, string| {
            if let Some(name) = wanted.get(string) {
                names.insert(*name, at);
            }
        })?;
        let types = section(8, 12)?;
        let mut btf =
            Self { types, positions: vec![u32::MAX], names, structs: HashMap::new(), typedefs: HashMap::new() };
        btf.walk()?;
        Ok(btf)
    }

    fn walk(&mut self) -> Result<(), BtfError> {
        let wanted: std::collections::HashSet<u32> = self.names.values().copied().collect();
        let mut position = 0;
        while position < self.types.length {
            let it = self.type_at(position)?;
            let members = u64::from(it.members);
            let tail = match it.kind {
                KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
                KIND_ARRAY => 12,
                KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => MEMBER * members,
                KIND_ENUM | KIND_FUNC_PROTO => PARAMETER * members,
                KIND_PTR | KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => 0,
                KIND_FWD | KIND_FUNC | KIND_FLOAT => 0,
                unknown => return Err(BtfError::UnknownKind(unknown)),
            };
            let number = u32::try_from(self.positions.len()).map_err(|_| BtfError::Malformed("too many types"))?;
            if wanted.contains(&it.name) {
                // The first of equal names: the kernel's own, not a module's.
                match it.kind {
                    KIND_STRUCT => self.structs.entry(it.name).or_insert(number),
                    KIND_TYPEDEF => self.typedefs.entry(it.name).or_insert(number),
                    _ => &mut 0,
                };
            }
            self.positions.push(u32::try_from(position).map_err(|_| BtfError::Malformed("too long"))?);
            position += HEAD + tail;
        }
        Ok(())
    }

    fn type_at(&self, position: u64) -> Result<Type, BtfError> {
        let info = self.types.u32(position + 4)?;
        Ok(Type {
            position,
            name: self.types.u32(position)?,
            kind: (info >> 24) & 0x1f,
            members: info & 0xffff,
            has_bitfields: info >> 31 == 1,
            size_or_type: self.types.u32(position + 8)?,
        })
    }

    fn type_by_number(&self, number: u32) -> Option<Type> {
        let position = *self.positions.get(number as usize)?;
        self.type_at(u64::from(position)).ok()
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

    fn structure(&self, name: &str) -> Option<Type> {
        self.type_by_number(*self.structs.get(self.names.get(name)?)?)
    }

    /// Size of a structure.
    pub fn size(&self, structure: &str) -> Option<u32> {
        Some(self.structure(structure)?.size_or_type)
    }

    /// Byte offset of a member, given as a path through embedded structures: `se.cfs_rq`. `None` for a bit field too.
    pub fn offset(&self, structure: &str, path: &str) -> Option<u32> {
        self.locate(structure, path).map(|(offset, _)| offset)
    }

    /// Whether a member is so many pointers away from a structure: 2 for `struct cfs_rq **`.
    pub fn points_to(&self, structure: &str, path: &str, pointers: u32, target: &str) -> bool {
        self.locate(structure, path).is_some_and(|(_, number)| self.leads_to(number, pointers, target))
    }

    /// The same for a parameter of a tracepoint, counted from 0; `btf_trace_` stands before its name in BTF.
    pub fn argument_points_to(&self, tracepoint: &str, index: u32, pointers: u32, target: &str) -> bool {
        let number = || {
            let typedef = self.type_by_number(*self.typedefs.get(self.names.get(tracepoint)?)?)?;
            let pointer = self.resolve(typedef.size_or_type)?;
            let prototype = self.resolve(pointer.size_or_type).filter(|it| it.kind == KIND_FUNC_PROTO)?;
            // The first parameter is the tracer's own.
            let index = index.checked_add(1).filter(|index| *index < prototype.members)?;
            self.types.u32(prototype.position + HEAD + PARAMETER * u64::from(index) + 4).ok()
        };
        number().is_some_and(|number| self.leads_to(number, pointers, target))
    }

    fn leads_to(&self, number: u32, pointers: u32, target: &str) -> bool {
        let mut it = self.resolve(number);
        let mut depth = 0;
        while let Some(pointer) = it.filter(|it| it.kind == KIND_PTR) {
            depth += 1;
            it = self.resolve(pointer.size_or_type);
        }
        let name = it.filter(|it| it.kind == KIND_STRUCT).map(|it| it.name);
        depth == pointers && name.is_some() && name == self.names.get(target).copied()
    }

    fn locate(&self, structure: &str, path: &str) -> Option<(u32, u32)> {
        let mut it = self.structure(structure)?;
        let (mut total, mut number) = (0, 0);
        for (depth, name) in path.split('.').enumerate() {
            if depth > 0 {
                it = self.resolve(number)?;
            }
            let (bits, member) = self.member(it, *self.names.get(name)?, 0)?;
            if bits % 8 != 0 {
                return None;
            }
            total += bits / 8;
            number = member;
        }
        Some((total, number))
    }

    /// Bit offset and type of a member, also of one in an anonymous structure or union.
    fn member(&self, it: Type, name: u32, nesting: u32) -> Option<(u32, u32)> {
        if !matches!(it.kind, KIND_STRUCT | KIND_UNION) || nesting > 8 {
            return None;
        }
        for index in 0..u64::from(it.members) {
            let at = it.position + HEAD + MEMBER * index;
            let [member, number, offset] = [0, 4, 8].map(|field| self.types.u32(at + field).ok());
            let (member, number, offset) = (member?, number?, offset?);
            let (bits, width) = if it.has_bitfields { (offset & 0x00ff_ffff, offset >> 24) } else { (offset, 0) };
            if member == name {
                return (width == 0).then_some((bits, number));
            }
            // Offset 0 is the empty string.
            if member == 0
                && let Some((inner, number)) = self.member(self.resolve(number)?, name, nesting + 1)
            {
                return Some((bits + inner, number));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl Source for Bytes {
        fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let rest = self.0.get(at as usize..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    const NAMES: [&str; 9] = ["inner", "a", "deep", "outer", "p", "i", "bit", "x", "nothing"];

    /// A description of: `struct inner { int a; struct { int deep; }; }`
    /// and `struct outer { struct inner *const *p; struct inner i; int bit : 1; }`.
    fn sample() -> Bytes {
        let strings = b"\0int\0inner\0a\0deep\0outer\0p\0i\0bit\0";
        let name = |text: &str| {
            let text = format!("\0{text}\0");
            strings.windows(text.len()).position(|window| window == text.as_bytes()).unwrap() as u32 + 1
        };
        let info = |kind: u32, members: u32, flag: u32| flag << 31 | kind << 24 | members;
        let int = vec![name("int"), info(KIND_INT, 0, 0), 4, 32]; // 1
        let anonymous = vec![0, info(KIND_STRUCT, 1, 0), 4, name("deep"), 1, 0]; // 2
        let inner = vec![name("inner"), info(KIND_STRUCT, 2, 0), 8, name("a"), 1, 0, 0, 2, 32]; // 3
        let pointer = vec![0, info(KIND_PTR, 0, 0), 3]; // 4
        let constant = vec![0, info(KIND_CONST, 0, 0), 4]; // 5
        let pointers = vec![0, info(KIND_PTR, 0, 0), 5]; // 6
        let members = [[name("p"), 6, 0], [name("i"), 3, 64], [name("bit"), 1, 1 << 24 | 128]].concat();
        let outer = [vec![name("outer"), info(KIND_STRUCT, 3, 1), 24], members].concat(); // 7
        let words = [int, anonymous, inner, pointer, constant, pointers, outer].concat();
        let types: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let length = types.len() as u32;
        let header = [MAGIC | 1 << 16, 24, 0, length, length, strings.len() as u32];
        Bytes(header.iter().flat_map(|word| word.to_le_bytes()).chain(types).chain(*strings).collect())
    }

    #[test]
    fn members_are_found_also_nested_and_in_anonymous_structures() {
        let bytes = sample();
        let btf = Btf::read(&bytes, NAMES).unwrap();
        assert_eq!(btf.size("outer"), Some(24));
        assert_eq!(btf.offset("inner", "deep"), Some(4));
        assert_eq!(btf.offset("outer", "i.deep"), Some(12));
        assert!(btf.points_to("outer", "p", 2, "inner"));
        assert!(!btf.points_to("outer", "p", 1, "inner") && !btf.points_to("outer", "p", 2, "outer"));
        for absent in ["bit", "x", "i.x", "p.a", ""] {
            assert_eq!(btf.offset("outer", absent), None, "{absent}");
        }
        assert_eq!(btf.offset("nothing", "a"), None);
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_refused() {
        let whole = sample().0;
        for length in 0..whole.len() {
            assert!(Btf::read(&Bytes(whole[..length].to_vec()), NAMES).is_err(), "{length} bytes");
        }
        let mut wrong = whole.clone();
        wrong[0] = 0;
        assert!(matches!(Btf::read(&Bytes(wrong), NAMES), Err(BtfError::Malformed("wrong magic number"))));
        let mut future = whole;
        future[24 + 7] = 30; // the kind of the first type
        assert!(matches!(Btf::read(&Bytes(future), NAMES), Err(BtfError::UnknownKind(30))));
    }
}
