// An engine room in a thread of its own, for clusters that take it long. The first message says where it lies, if it was
// not brought along (hopscope.html); each other one, [number, door, question], is answered in order by
// [number, answer] or [number, undefined, why]. [0] says that it is ready, [0, done, of] how far it is with a question.
globalThis.hopscopeProgress = (done, of) => postMessage([0, done, of]);
let room;
const load = async ({ glue, wasm }) => {
  const { default: init, ...doors } = globalThis.room ?? (await import(glue));
  await init({ module_or_path: wasm });
  postMessage([0]);
  return doors;
};
onmessage = async ({ data }) => {
  if (!room) {
    room = load(data);
    // Each question that waits for it tells.
    room.catch(() => {});
    return;
  }
  const [number, door, question] = data;
  try {
    const answer = (await room)[door](question);
    postMessage([number, answer], [answer.buffer]);
  } catch (error) {
    postMessage([number, undefined, String(error?.message ?? error)]);
  }
};
