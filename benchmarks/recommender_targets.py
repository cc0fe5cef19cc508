"""What is asked of the recommenders, by data set and model, and what others have published."""

# RMSE, MAE, and what Surprise publishes of both.
RATING_TARGETS = {
    ("ml-100k", "SVD"): (0.935, 0.738, "0.934 / 0.737"),
    ("ml-100k", "SVD, Surprise's settings"): (None, None, "0.934 / 0.737"),
    ("ml-100k", "KNNBaseline, users"): (0.932, 0.734, "0.931 / 0.733"),
    ("ml-100k", "KNNBaseline, items"): (0.932, 0.734, "0.931 / 0.733"),
    ("ml-100k", "SVD++"): (0.920, 0.722, "0.919 / 0.721"),
    ("ml-100k", "SVD++, Surprise's settings"): (None, None, "0.919 / 0.721"),
    ("ml-latest-small", "SVD"): (0.875, None, ""),
    ("ml-latest-small", "KNNBaseline, items"): (0.855, None, ""),
}

# NDCG@10 on ml-100k.
RANKING_TARGETS = {"EASE": 0.070, "implicit ALS": 0.071, "NeuMF": 0.055, "item neighbours": 0.060}

# AUC on ml-100k, by split.
CLICK_TARGETS = {("logistic", "random"): 0.77, ("logistic", "temporal"): 0.69}
CLICK_TARGETS |= {("LightGBM", kind): bound for (_, kind), bound in CLICK_TARGETS.items()}

# Seconds to fit; of NeuMF an epoch.
TIME_TARGETS = {
    ("ml-100k", "EASE"): 2.0,
    ("ml-100k", "implicit ALS"): 20.0,
    ("ml-100k", "NeuMF"): 3.0,
    ("ml-latest-small", "EASE"): 6.0,
}
