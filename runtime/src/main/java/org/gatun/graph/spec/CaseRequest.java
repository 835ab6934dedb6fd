package org.gatun.graph.spec;

import java.util.List;
import org.gatun.tensor.DType;

/**
 * Which cases are wanted.
 *
 * @param full all shapes, or only a quick selection
 * @param seed of all random content; a case's own seed derives from it and its shape
 * @param formats weight formats to cover
 */
public record CaseRequest(boolean full, long seed, List<DType> formats) {}
