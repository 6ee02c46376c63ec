//! Encoder and decoder of Plans.
/// Iterates over the steps of an encoded plan.
#[derive(Debug)]
pub struct Steps;
/// Why bytes are not a plan.
#[derive(Debug)]
pub struct DecodeError;
/// An encoded plan.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct Plan;
/// Builds a plan.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct PlanBuilder;
