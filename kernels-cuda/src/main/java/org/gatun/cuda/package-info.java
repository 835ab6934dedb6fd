/** The CUDA backend: kernels from PTX, launched through the driver API. */
package org.gatun.cuda;
