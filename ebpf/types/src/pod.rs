//! aya copies these types from and to maps byte by byte.
#![expect(unsafe_code, reason = "aya::Pod is an unsafe trait")]

use crate::{CommKey, Counters, CpuGroup, Offsets, Process, Queue, Stalled, TimerFunctions, Victim};

macro_rules! pod {
    ($($type:ty),*) => {
        // SAFETY: repr(C), only integers and arrays of them, no padding (the sizes are asserted where they are
        // defined), so every byte pattern is a value and every byte is initialised.
        $(unsafe impl aya::Pod for $type {})*
    };
}

pod!(CommKey, Counters, CpuGroup, Offsets, Process, Queue, Stalled, TimerFunctions, Victim);
