//! Marks: every function and every branch writes a byte of its own when it runs.

use crate::branches;
use crate::names::name;
use walrus::ir::{InstrSeqId, MemArg, Store, StoreKind, Value};
use walrus::{FunctionId, FunctionKind, LocalFunction, MemoryId, Module};

/// The address of the first mark. Below the stack of a Rust program, which grows down from a megabyte and would have
/// to be all but full to meet a mark; address 0 is left alone.
pub(crate) const FIRST: usize = 16;

/// Marks every function of a module, and its branches. What each is comes back in the order of the marks, from
/// [`FIRST`] on: a function's name; for a branch also the function's shape and the branch's number, with tabs between.
pub(crate) fn everything(module: &mut Module) -> Result<Vec<String>, String> {
    let memory = module.get_memory_id().map_err(|error| error.to_string())?;
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    let mut marked = Vec::new();
    for id in functions {
        let name = name(module, id).unwrap_or_default();
        let first = FIRST + marked.len();
        let FunctionKind::Local(function) = &module.funcs.get(id).kind else { continue };
        let found = branches::of(module, function);
        let shape = branches::shape(&found);
        marked.push(name.clone());
        marked.extend((0..found.len()).map(|branch| format!("{name}\t{shape}\t{branch}")));
        let FunctionKind::Local(function) = &mut module.funcs.get_mut(id).kind else { continue };
        // From the last to the first, so that places stay what they are.
        for (at, branch) in found.iter().enumerate().rev() {
            mark(function, memory, branch.seq, branch.at, first + 1 + at)?;
        }
        mark(function, memory, function.entry_block(), 0, first)?;
    }
    Ok(marked)
}

fn mark(
    function: &mut LocalFunction,
    memory: MemoryId,
    seq: InstrSeqId,
    at: usize,
    address: usize,
) -> Result<(), String> {
    let address = i32::try_from(address).map_err(|error| error.to_string())?;
    let store =
        Store { memory, kind: StoreKind::I32_8 { atomic: false }, arg: MemArg { align: 1, offset: 0 } };
    function
        .builder_mut()
        .instr_seq(seq)
        .const_at(at, Value::I32(address))
        .const_at(at + 1, Value::I32(1))
        .instr_at(at + 2, store);
    Ok(())
}
