//! Encoder and decoder of Plans.
//!
//! A plan is a header (`b"HULL"`, `version: u16`, `0: u16`) and then steps: `tag: u8`, `length: u32`, fields. The
//! length repeats what the fields say; a decoder refuses a step in which the two disagree. Tags are never reused.

#[cfg(feature = "alloc")]
use crate::wire::{Count, Sink};
use crate::wire::{Field, Reader};
use crate::{Step, VERSION};
use core::fmt;

const MAGIC: &[u8; 4] = b"HULL";

/// Why bytes are not a plan or a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The plan does not start with the magic bytes.
    BadMagic,
    /// The sender speaks a version that this side does not know.
    BadVersion(u16),
    /// A length points past the end.
    Truncated,
    /// A step or frame is longer than its fields.
    TrailingBytes,
    /// No step has this tag.
    UnknownStep(u8),
    /// No frame has this kind.
    UnknownFrame(u8),
    /// A field has a value outside its range.
    BadValue,
    /// A string has no NUL at its end, or one before it.
    BadString,
    /// A payload is longer than [`crate::frame::MAX_PAYLOAD`] or than its kind of frame may be.
    TooLong(u32),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMagic => write!(f, "not a plan: wrong magic bytes"),
            Self::BadVersion(version) => write!(f, "protocol version {version} is not supported (this is {VERSION})"),
            Self::Truncated => write!(f, "a length points past the end"),
            Self::TrailingBytes => write!(f, "bytes are left over after the last field"),
            Self::UnknownStep(tag) => write!(f, "unknown step {tag}"),
            Self::UnknownFrame(kind) => write!(f, "unknown frame {kind}"),
            Self::BadValue => write!(f, "a field's value is out of range"),
            Self::BadString => write!(f, "a string lacks its NUL or has one inside"),
            Self::TooLong(length) => write!(f, "a payload of {length} bytes is too long"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The version range that this side can carry out.
pub(crate) fn check_version(version: u16) -> Result<(), DecodeError> {
    if version == 0 || version > VERSION { Err(DecodeError::BadVersion(version)) } else { Ok(()) }
}

/// Declares each step's tag and fields once, for both directions.
macro_rules! steps {
    ($($tag:literal $name:ident $({ $($field:ident),+ })?),+ $(,)?) => {
        #[cfg(feature = "alloc")]
        fn tag(step: &Step<'_>) -> u8 {
            match step { $(Step::$name $({ $($field: _),+ })? => $tag,)+ }
        }

        #[cfg(feature = "alloc")]
        fn write_fields(step: &Step<'_>, sink: &mut impl Sink) {
            match step {
                $(Step::$name $({ $($field),+ })? => { $($($field.write(sink);)+)? })+
            }
            let _ = sink;
        }

        fn read_fields<'a>(tag: u8, reader: &mut Reader<'a>) -> Result<Step<'a>, DecodeError> {
            match tag {
                $($tag => Ok(Step::$name $({ $($field: Field::read(reader)?),+ })?),)+
                _ => Err(DecodeError::UnknownStep(tag)),
            }
        }
    };
}

steps! {
    1 ShimCgroup { procs },
    2 ControlSocket { path },
    3 ExitRecord { path },
    4 OomFile { path },
    5 Log { path, max_size, max_files },
    6 Stdin { once },
    7 Terminal { rows, cols },
    8 AttachOnStart,
    9 LogAttributes { json },
    20 Namespaces { flags },
    21 JoinNamespace { kind, path },
    22 JoinInit { kinds },
    23 Cgroup2 { path },
    24 CgroupProcs { procs },
    25 TimeOffset { clock, secs, nanos },
    26 UidMap { inside, outside, count },
    27 GidMap { inside, outside, count },
    40 UnshareCgroup,
    41 Rlimit { resource, soft, hard },
    42 OomScoreAdj { value },
    43 Hostname { name },
    44 Domainname { name },
    45 RootPropagation { flags },
    46 Overlay { cwd, options },
    47 RootBind { path },
    48 RootHost,
    49 Mount { fstype, source, target, flags, data },
    50 Bind { source, target, flags, propagation },
    51 CopyUp { source, target },
    52 Device { path, mode, major, minor, uid, gid },
    53 Symlink { target, path },
    54 Sysctl { key, value },
    55 PivotRoot,
    56 MaskPath { path },
    57 ReadonlyPath { path },
    58 ReadonlyRoot,
    59 Umask { mask },
    60 User { spec },
    61 Group { spec },
    62 Cwd { path },
    63 NoNewPrivileges,
    64 Capabilities { bounding, effective, permitted, inheritable, ambient },
    65 Seccomp { flags, program },
    66 Env { entry },
    67 Arg { value },
    70 BindFrom { namespace, source, target, flags },
    71 Init,
    72 BindBeneath { source, subpath, target, flags, propagation },
    73 BindOverlay { cwd, options, target, flags },
}

/// The version of the protocol that a step came with. A plan says the newest of its steps in its header, so that an exec
/// without new ones can be run by an older shim. A step that is new says its version here.
#[cfg(feature = "alloc")]
const fn since(tag: u8) -> u16 {
    match tag {
        9 => 2,
        73 => 3,
        _ => 1,
    }
}

#[cfg(feature = "alloc")]
fn write_step(step: &Step<'_>, sink: &mut impl Sink) {
    let mut length = Count::default();
    write_fields(step, &mut length);
    tag(step).write(sink);
    u32::try_from(length.0).unwrap_or(u32::MAX).write(sink);
    write_fields(step, sink);
}

/// Iterates over the steps of an encoded plan, without copying and without trusting it: after the first error it ends.
#[derive(Clone)]
pub struct Steps<'a> {
    rest: &'a [u8],
}

impl<'a> Steps<'a> {
    /// Checks the header; the steps are checked as they are read.
    pub fn new(plan: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(plan);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(DecodeError::BadMagic);
        }
        check_version(u16::read(&mut reader)?)?;
        if u16::read(&mut reader)? != 0 {
            return Err(DecodeError::BadValue);
        }
        Ok(Self { rest: reader.rest() })
    }

    fn read(&mut self) -> Result<Step<'a>, DecodeError> {
        let mut reader = Reader::new(self.rest);
        let tag = u8::read(&mut reader)?;
        let mut body = Reader::new(<&[u8]>::read(&mut reader)?);
        let step = read_fields(tag, &mut body)?;
        body.end()?;
        self.rest = reader.rest();
        Ok(step)
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<Step<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if Reader::new(self.rest).is_empty() {
            return None;
        }
        let step = self.read();
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

impl fmt::Debug for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use super::{DecodeError, Field, MAGIC, Step, Steps, fmt, since, tag, write_step};
    use crate::frame::MAX_PAYLOAD;
    use alloc::vec::Vec;

    /// A plan does not fit into a frame.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct PlanTooLong(
        /// Its length in bytes.
        pub usize,
    );

    impl fmt::Display for PlanTooLong {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "arguments, environment and mounts need a plan of {} bytes; at most {MAX_PAYLOAD} fit", self.0)
        }
    }

    impl core::error::Error for PlanTooLong {}

    /// Builds a plan, step by step.
    #[derive(Debug, Clone)]
    pub struct PlanBuilder {
        bytes: Vec<u8>,
        /// What its steps need.
        version: u16,
    }

    impl PlanBuilder {
        /// An empty plan.
        pub fn new() -> Self {
            let mut bytes = Vec::with_capacity(4096);
            bytes.extend_from_slice(MAGIC);
            let version = 1u16;
            version.write(&mut bytes);
            0u16.write(&mut bytes);
            Self { bytes, version }
        }

        /// Appends a step.
        pub fn push(&mut self, step: &Step<'_>) -> &mut Self {
            write_step(step, &mut self.bytes);
            self.version = self.version.max(since(tag(step)));
            self
        }

        /// The finished plan, unless it is too long for a frame.
        pub fn finish(mut self) -> Result<Plan, PlanTooLong> {
            let length = self.bytes.len();
            if let Some(version) = self.bytes.get_mut(MAGIC.len()..MAGIC.len() + 2) {
                version.copy_from_slice(&self.version.to_le_bytes());
            }
            if u32::try_from(length).is_ok_and(|length| length <= MAX_PAYLOAD) {
                Ok(Plan { bytes: self.bytes })
            } else {
                Err(PlanTooLong(length))
            }
        }
    }

    impl Default for PlanBuilder {
        fn default() -> Self {
            Self::new()
        }
    }

    /// An encoded plan, known to be well formed.
    #[derive(Clone, PartialEq, Eq)]
    pub struct Plan {
        bytes: Vec<u8>,
    }

    impl Plan {
        /// Takes an encoded plan, after checking every step.
        pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, DecodeError> {
            Steps::new(&bytes)?.try_for_each(|step| step.map(drop))?;
            Ok(Self { bytes })
        }

        /// The encoded form, for [`crate::Frame::Start`] and [`crate::Frame::Exec`].
        pub fn as_bytes(&self) -> &[u8] {
            &self.bytes
        }

        /// The steps in order.
        pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
            // A plan was built by `push` or checked by `from_bytes`: there are no errors to drop.
            Steps::new(&self.bytes).into_iter().flatten().flatten()
        }
    }

    impl<'a> FromIterator<Step<'a>> for PlanBuilder {
        fn from_iter<I: IntoIterator<Item = Step<'a>>>(steps: I) -> Self {
            let mut builder = Self::new();
            for step in steps {
                builder.push(&step);
            }
            builder
        }
    }

    impl fmt::Debug for Plan {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_list().entries(self.steps()).finish()
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::{Plan, PlanBuilder, PlanTooLong};
