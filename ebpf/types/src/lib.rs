//! repr(C) types shared by Hull's eBPF programs and hulld.
