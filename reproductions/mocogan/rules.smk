# One rule per experiment of MoCoGAN; each writes its tables, figures, verdicts and page.


rule reproduce_mocogan:
    input:
        plan.pages("mocogan"),


rule mocogan_shapes_acd:
    input:
        **plan.report_inputs("mocogan_shapes_acd"),
    output:
        **plan.report_outputs("mocogan_shapes_acd", report),
    log:
        f"{plan.logs}/mocogan_shapes_acd.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_shapes_acd"),
    message:
        "Table 1, shapes: Content consistency on Shape Motion"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_faces_acd:
    input:
        **plan.report_inputs("mocogan_faces_acd"),
    output:
        **plan.report_outputs("mocogan_faces_acd", report),
    log:
        f"{plan.logs}/mocogan_faces_acd.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_faces_acd"),
    message:
        "Table 1, faces: Content consistency on facial expressions"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_ucf101:
    input:
        **plan.report_inputs("mocogan_ucf101"),
    output:
        **plan.report_outputs("mocogan_ucf101", report),
    log:
        f"{plan.logs}/mocogan_ucf101.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_ucf101"),
    message:
        "Table 2: UCF101"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_ablation:
    input:
        **plan.report_inputs("mocogan_ablation"),
    output:
        **plan.report_outputs("mocogan_ablation", report),
    log:
        f"{plan.logs}/mocogan_ablation.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_ablation"),
    message:
        "Table 4: With and without D_I, the category into R_M or G_I"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_latent_sizes:
    input:
        **plan.report_inputs("mocogan_latent_sizes"),
    output:
        **plan.report_outputs("mocogan_latent_sizes", report),
    log:
        f"{plan.logs}/mocogan_latent_sizes.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_latent_sizes"),
    message:
        "Figure 6: Sizes of content and motion codes"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_disentanglement:
    input:
        **plan.report_inputs("mocogan_disentanglement"),
    output:
        **plan.report_outputs("mocogan_disentanglement", report),
    log:
        f"{plan.logs}/mocogan_disentanglement.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_disentanglement"),
    message:
        "Figures 4, 7, 8: One content with many motions, one motion with many contents"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_longer_videos:
    input:
        **plan.report_inputs("mocogan_longer_videos"),
    output:
        **plan.report_outputs("mocogan_longer_videos", report),
    log:
        f"{plan.logs}/mocogan_longer_videos.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_longer_videos"),
    message:
        "Figures 7, 8: Longer videos than in training"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mocogan_image_to_video:
    input:
        **plan.report_inputs("mocogan_image_to_video"),
    output:
        **plan.report_outputs("mocogan_image_to_video", report),
    log:
        f"{plan.logs}/mocogan_image_to_video.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mocogan_image_to_video"),
    message:
        "Table 5: Image-to-video translation"
    script:
        "../../workflow/scripts/report_experiment.py"
