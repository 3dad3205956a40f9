// Enumerations of llama.h and ggml.h, as far as we use them.

export const splitModes = { none: 0, layer: 1, row: 2 } as const;
export const loadModes = { read: 0, mmap: 1 } as const;
export const flashAttentionTypes = { auto: -1, off: 0, on: 1 } as const;

/** enum llama_pooling_type: those that give a vector; `model` = as its file says, which may be none of them. */
export const poolingTypes = { model: -1, mean: 1, cls: 2, last: 3 } as const;

/** enum ggml_type. */
export const tensorTypes = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q4_1: 3,
  q5_0: 6,
  q5_1: 7,
  q8_0: 8,
  q4_k: 12,
  q6_k: 14,
  iq4_nl: 20,
  bf16: 30,
} as const;

/** enum llama_ftype: what a whole file can be made of. */
export const fileTypes = {
  f16: 1,
  q4_0: 2,
  q4_1: 3,
  q8_0: 7,
  q5_0: 8,
  q5_1: 9,
  q3_k_m: 12,
  q4_k_s: 14,
  q4_k_m: 15,
  q5_k_s: 16,
  q5_k_m: 17,
  q6_k: 18,
  iq4_nl: 25,
  iq4_xs: 30,
  bf16: 32,
} as const;

/** What `llama_decode` returns; anything else is an error. */
export const decodeResults = { done: 0, noRoom: 1, aborted: 2 } as const;
