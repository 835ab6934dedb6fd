/** The OpenCL backend: kernel sources lie beside it in {@code kernels/}. */
@NullMarked
package org.gatun.opencl;

import org.jspecify.annotations.NullMarked;
