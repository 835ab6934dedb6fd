package org.gatun.tornado;

import java.util.function.ToLongFunction;
import org.gatun.graph.Step;

/**
 * One entry of the table.
 *
 * @param kernel what runs
 * @param params its parameters, as the kernel's class names them; the first int is free
 * @param size groups or work-items in a step
 */
record Launch(Kernel kernel, int[] params, ToLongFunction<Step> size) {}
