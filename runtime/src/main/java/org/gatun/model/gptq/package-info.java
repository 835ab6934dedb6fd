/** 4-bit checkpoints of GPTQ and AWQ, and their layout for tensor parallelism. */
package org.gatun.model.gptq;
