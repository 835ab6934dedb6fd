/**
 * The kernel suite for kernels that are not ours: bring a source file, a float64 reference and
 * shapes, get the same report.
 */
@org.jspecify.annotations.NullMarked
package org.gatun.kernel;
