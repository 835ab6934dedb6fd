/** Tensor parallelism: one rank's part of a graph and of its weights. */
package org.gatun.graph.shard;
