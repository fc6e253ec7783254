//! The running of a pipeline: flow, order, memory, errors.
