//! Marks: every function writes a byte of its own when it runs.

use crate::names::name;
use walrus::ir::{MemArg, Store, StoreKind, Value};
use walrus::{FunctionId, Module};

/// The address of the first mark. Below the stack of a Rust program, which grows down from a megabyte and would have
/// to be all but full to meet a mark; address 0 is left alone.
pub(crate) const FIRST: usize = 16;

/// Marks every function of a module; the names are in the order of the marks, from [`FIRST`] on.
pub(crate) fn every_function(module: &mut Module) -> Result<Vec<String>, String> {
    let memory = module.get_memory_id().map_err(|error| error.to_string())?;
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    let names = functions.iter().map(|function| name(module, *function).unwrap_or_default()).collect();
    let store =
        Store { memory, kind: StoreKind::I32_8 { atomic: false }, arg: MemArg { align: 1, offset: 0 } };
    for ((_, function), address) in module.funcs.iter_local_mut().zip(FIRST..) {
        let address = i32::try_from(address).map_err(|error| error.to_string())?;
        function
            .builder_mut()
            .func_body()
            .const_at(0, Value::I32(address))
            .const_at(1, Value::I32(1))
            .instr_at(2, store.clone());
    }
    Ok(names)
}
